import asyncio
from itertools import islice
from pathlib import Path
from random import Random

import aiohttp
import feedparser
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from services.cli.demo.company import OUTSIDERS, build_company
from services.cli.demo.connections_server import ConnectionsServer
from services.cli.demo.day import company_day
from services.cli.demo.mastodon_server import MastodonServer
from services.cli.demo.rss_site import Item, RssSite
from services.cli.demo.sources import write_sources
from services.cli.demo.world import World
from services.contracts.relations import RelationKind
from services.ingest.settings import load_sources

NOW = 1_790_000_000_000


def served(routes) -> TestClient:
    app = web.Application()
    app.add_routes(routes)
    return TestClient(TestServer(app))


def test_the_company_has_about_sixty_people_with_groups_and_follows():
    company = build_company()
    relations = company.relations(NOW)
    assert len(company.people) == 60
    assert len(company.groups) == 12
    assert {relation.kind for relation in relations} == {RelationKind.FOLLOWS, RelationKind.MEMBER_OF}
    assert all(
        f"person:{outsider}" not in {r.subject for r in relations if r.kind is RelationKind.MEMBER_OF} for outsider in OUTSIDERS
    )


def test_the_same_seed_gives_the_same_company_and_day():
    """A second run must not seed other relations."""
    assert build_company() == build_company()
    days = [list(islice(company_day(build_company(), Random(4)), 50)) for _ in range(2)]
    assert days[0] == days[1]


def test_the_day_is_german_and_english():
    languages = {writing.language for writing in islice(company_day(build_company(), Random(4)), 50)}
    assert languages == {"de", "en"}


def test_nobody_writes_in_a_community_of_others():
    company = build_company()
    for writing in islice(company_day(company, Random(4)), 300):
        assert not writing.group or writing.author in company.groups[writing.group]


async def test_the_blog_answers_conditional_requests():
    """As a web server does: 200 with an ETag, then 304 until something changes."""
    site = RssSite("Blog")
    site.add(Item("g1", "Title", "<p>a & b</p>", "anna", ("kafka",), "en", NOW))
    async with served(site.routes("/blog")) as client:
        first = await client.get("/blog/feed.xml")
        again = await client.get("/blog/feed.xml", headers={"If-None-Match": first.headers["ETag"]})
        feed = feedparser.parse(await first.read())
    assert again.status == 304
    assert not feed.bozo
    assert feed.entries[0].content[0].value == "<p>a & b</p>"


async def test_mastodon_pages_upwards_from_min_id():
    """A client that catches up by min_id sees every status once, oldest page first."""
    server = MastodonServer()
    ids = [server.add(author="kiebitz", content=str(n), language="en", tags=(), created_ms=NOW + n) for n in range(90)]
    seen: list[str] = []
    async with served(server.routes("")) as client:
        while True:
            page = await (
                await client.get("/api/v1/timelines/public", params={"limit": "40", "min_id": seen[-1] if seen else "1"})
            ).json()
            if not page:
                break
            seen += [status["id"] for status in reversed(page)]
    assert seen == ids


async def test_a_stream_tells_of_posts_edits_and_deletes():
    server = MastodonServer()
    async with served(server.routes("")) as client:
        response = await client.get("/api/v1/streaming/public")
        await response.content.readline()
        native = server.add(author="kiebitz", content="hi", language="en", tags=(), created_ms=NOW)
        server.edit(native, "ho", NOW + 1)
        server.delete(native)
        lines = [await asyncio.wait_for(response.content.readline(), 5) for _ in range(9)]
        response.close()
    assert [line for line in lines if line.startswith(b"event")] == [
        b"event: update\n",
        b"event: status.update\n",
        b"event: delete\n",
    ]


@pytest.mark.parametrize(("auth", "status"), [(None, 401), ("sluice:wrong", 401), ("sluice:right", 200)])
async def test_connections_asks_for_credentials(auth, status):
    server = ConnectionsServer("sluice", "right")

    async with served(server.routes("/connections")) as client:
        headers = {"Authorization": aiohttp.encode_basic_auth(*auth.split(":"))} if auth else {}
        answer = await client.get("/connections/opensocial/basic/rest/activitystreams/@public/@all/@all", headers=headers)
    assert answer.status == status


def test_the_world_goes_on_where_it_stopped(tmp_path):
    """A second `make run` serves the same statuses under the same ids."""
    state = tmp_path / "demo.json"
    first = World(build_company(), Random(1), user="u", password="p")
    first.backlog(NOW)
    first.save(state)
    second = World(build_company(), Random(2), user="u", password="p")
    second.load(state)
    assert second.mastodon.dump() == first.mastodon.dump()
    assert second.connections.dump() == first.connections.dump()
    assert second.blog.items == first.blog.items


def test_the_demos_sources_file_is_a_valid_one(tmp_path: Path):
    """The file that `sluice up` writes is read by the same code as anybody's."""
    sources = load_sources(write_sources(tmp_path, 8090), {})
    assert {source.kind for source in sources} == {"rss", "mastodon", "hcl-connections", "activitystreams"}
    assert (tmp_path / "connections.secret").stat().st_mode & 0o077 == 0
