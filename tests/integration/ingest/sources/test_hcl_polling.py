"""Polling a server that speaks the protocol of Connections' activity stream, through the guarded client."""

import asyncio
import base64
import contextlib
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.ingest.source import MalformedPayload, SourceConfig
from services.ingest.sources.hcl_connections import CONNECTOR
from services.ingest.sources.hcl_connections.polling import Polling
from services.ingest.sources.hcl_connections.progress import Progress, progress_of
from services.ingest.sources.hcl_connections.requests import FetchFailed
from services.runtime.address_guard import AddressPolicy
from services.runtime.http_client import GuardedClient

NOW_MS = 1_750_000_000_000
DAY_MS = 86_400_000


def iso(ms):
    return datetime.fromtimestamp(ms / 1000, tz=UTC).isoformat(timespec="milliseconds")


def ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


class Connections:
    """Serves stories newest first by their update; `answer` replaces what it says."""

    def __init__(self):
        self.stories = {}
        self.asked = []
        self.answer = None
        self.before_page = None

    def write(self, name, at_ms, **more):
        """Publish or edit a story."""
        self.stories[name] = {
            "id": f"story:{name}",
            "verb": "post",
            "published": iso(at_ms),
            "updated": iso(at_ms),
            "actor": {"id": "urn:lsid:lconn.ibm.com:profiles.person:anna"},
            "object": {"objectType": "note", "summary": name},
            "connections": {"isPublic": "true"},
            **more,
        }

    async def page(self, request):
        """Answer like the activity stream API."""
        self.asked.append(request)
        if self.before_page:
            self.before_page(len(self.asked))
        if self.answer:
            return self.answer()
        since = int(request.query.get("updatedSince", 0))
        start, count = int(request.query["startIndex"]), int(request.query["count"])
        found = sorted((s for s in self.stories.values() if ms(s["updated"]) >= since), key=lambda s: s["updated"], reverse=True)
        return web.json_response({"totalResults": -1, "list": found[start : start + count]})


class Delivered:
    """Remembers what was delivered; fails on demand."""

    def __init__(self):
        self.natives = []
        self.deleted = []
        self.cursors = []
        self.fail_at = None
        self.arrived = asyncio.Event()

    async def until(self, native):
        """Wait until it was delivered."""
        async with asyncio.timeout(10):
            while native not in self.natives:
                self.arrived.clear()
                await self.arrived.wait()

    async def __call__(self, mapped, cursor):
        """Remember; raise ConnectionError from the call `fail_at` on."""
        if self.fail_at is not None and len(self.cursors) >= self.fail_at:
            raise ConnectionError("Kafka is away")
        for activity in mapped.activities:
            (self.deleted if activity.deleted else self.natives).append(activity.source.native_id)
        self.cursors.append(cursor)
        self.arrived.set()


@pytest.fixture
async def site():
    connections = Connections()
    app = web.Application()
    app.router.add_get("/connections/opensocial/{auth}/rest/activitystreams/{who}/{group}/{app}", connections.page)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    connections.url = str(server.make_url("/connections"))
    yield connections
    await server.close()


@pytest.fixture
async def http():
    async with GuardedClient(AddressPolicy.allowing(networks=["127.0.0.1/32"])) as client:
        yield client


def polling(site, http, *, now_ms=NOW_MS, **options):
    secret = options.pop("secret", "sluice:geheim")
    config = SourceConfig(id="c", kind="hcl-connections", url=site.url, instance="c.example", secret=secret, options=options)
    return Polling(CONNECTOR.map_payload, config, http, now_ms=lambda: now_ms)


async def test_everything_is_read_page_by_page_once(site, http):
    for number in range(53):
        site.write(f"n{number}", NOW_MS - number * 1000)
    delivered = Delivered()
    poller = polling(site, http, count=10)
    progress = await poller.poll(Progress(), delivered)
    assert sorted(set(delivered.natives)) == sorted(f"story:n{number}" for number in range(53))
    assert progress.newest_ms == NOW_MS
    count = len(delivered.natives)
    await poller.poll(progress, delivered)
    assert len(delivered.natives) == count


async def test_what_is_new_late_or_edited_is_found_by_the_next_poll(site, http):
    site.write("first", NOW_MS - 10_000)
    delivered = Delivered()
    poller = polling(site, http)
    progress = await poller.poll(Progress(), delivered)
    site.write("new", NOW_MS - 5_000)
    site.write("late", NOW_MS - 200_000)
    site.write("first", NOW_MS - 1_000, published=iso(NOW_MS - 10_000))
    delivered.natives.clear()
    await poller.poll(progress, delivered)
    assert sorted(delivered.natives) == ["story:first", "story:late", "story:new"]
    assert int(site.asked[-1].query["updatedSince"]) == NOW_MS - 10_000 - 300_000


async def test_a_late_story_below_a_page_of_known_ones_is_found(site, http):
    for number in range(30):
        site.write(f"n{number}", NOW_MS - number * 1000)
    delivered = Delivered()
    poller = polling(site, http, count=10)
    progress = await poller.poll(Progress(), delivered)
    site.write("late", NOW_MS - 25_500)
    await poller.poll(progress, delivered)
    assert delivered.natives[-1] == "story:late"


async def test_stories_deleted_between_two_pages_hide_no_others(site, http):
    for number in range(60):
        site.write(f"n{number}", NOW_MS - number * 1000)

    def delete_some(request):
        if request == 2:
            for number in range(4):
                del site.stories[f"n{number}"]

    site.before_page = delete_some
    delivered = Delivered()
    await polling(site, http, count=20).poll(Progress(), delivered)
    assert {f"story:n{number}" for number in range(4, 60)} <= set(delivered.natives)


async def test_a_crash_between_pages_repeats_and_never_skips(site, http):
    for number in range(40):
        site.write(f"n{number}", NOW_MS - number * 1000)
    broken = Delivered()
    broken.fail_at = 2
    with pytest.raises(ConnectionError):
        await polling(site, http, count=10).poll(Progress(), broken)
    resumed = Delivered()
    await polling(site, http, count=10).poll(progress_of(broken.cursors[-1]), resumed)
    assert {f"story:n{number}" for number in range(40)} <= set(broken.natives) | set(resumed.natives)
    assert len(set(resumed.natives)) == 40


async def test_a_server_that_ignores_where_a_page_starts_is_not_asked_for_ever(site, http):
    story = {"id": "s", "verb": "post", "updated": iso(NOW_MS)}
    site.answer = lambda: web.json_response({"list": [story]})
    await polling(site, http).poll(Progress(), Delivered())
    assert len(site.asked) == 2


async def test_a_vanished_story_is_deleted_when_it_is_missing_twice(site, http):
    for number in range(10):
        site.write(f"n{number}", NOW_MS - number * 1000)
    delivered = Delivered()
    poller = polling(site, http)
    progress = await poller.poll(Progress(), delivered)
    del site.stories["n3"]
    progress = await poller.reconcile(progress, delivered)
    assert delivered.deleted == []
    progress = await poller.reconcile(progress, delivered)
    assert delivered.deleted == ["story:n3"]
    await poller.reconcile(progress, delivered)
    assert delivered.deleted == ["story:n3"]


async def test_a_server_that_lost_most_of_its_stories_deletes_none_here(site, http):
    for number in range(20):
        site.write(f"n{number}", NOW_MS - number * 1000)
    delivered = Delivered()
    poller = polling(site, http)
    progress = await poller.poll(Progress(), delivered)
    for number in range(19):
        del site.stories[f"n{number}"]
    site.write("n19", NOW_MS - DAY_MS)
    for _ in range(3):
        progress = await poller.reconcile(progress, delivered)
    assert delivered.deleted == []


async def test_basic_and_bearer_authentication_and_the_address_of_the_stream(site, http):
    await polling(site, http).poll(Progress(), Delivered())
    assert site.asked[-1].headers["Authorization"] == "Basic " + base64.b64encode(b"sluice:geheim").decode()
    assert site.asked[-1].path == "/connections/opensocial/basic/rest/activitystreams/@public/@all/@all"
    await polling(site, http, secret="token").poll(Progress(), Delivered())
    assert site.asked[-1].headers["Authorization"] == "Bearer token"
    assert site.asked[-1].match_info["auth"] == "oauth"


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (401, {}, ("source-refused-401", 60.0)),
        (403, {"Retry-After": "90"}, ("source-refused-403", 90.0)),
        (429, {"Retry-After": "7"}, ("rate-limited", 7.0)),
        (503, {"Retry-After": "5"}, ("http-503", 5.0)),
        (500, {}, ("http-500", 0.0)),
        (200, {"Content-Type": "text/html"}, ("login-page", 60.0)),
    ],
)
async def test_answers_that_are_no_page_are_named_with_the_pause_they_ask_for(site, http, status, headers, expected):
    site.answer = lambda: web.Response(status=status, headers=headers, body=b"<html>")
    with pytest.raises(FetchFailed) as caught:
        await polling(site, http).poll(Progress(), Delivered())
    assert (caught.value.reason, caught.value.retry_after_s) == expected
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"list": 7}', b"7"])
async def test_answers_that_hold_no_list_are_malformed_and_move_no_cursor(site, http, body):
    site.answer = lambda: web.Response(body=body, content_type="application/json")
    delivered = Delivered()
    with pytest.raises(MalformedPayload):
        await polling(site, http).poll(Progress(), delivered)
    assert delivered.cursors == []


async def test_run_goes_on_from_the_cursor_until_it_is_cancelled(site, http):
    now_ms = int(datetime.now(tz=UTC).timestamp() * 1000)
    site.write("one", now_ms - 5_000)
    delivered = Delivered()
    config = SourceConfig(id="c", kind="hcl-connections", url=site.url, instance="c.example", secret="t", interval_s=0.01)
    task = asyncio.create_task(CONNECTOR.run(config, {}, delivered, http))
    await delivered.until("story:one")
    site.write("two", now_ms)
    await delivered.until("story:two")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert delivered.natives == ["story:one", "story:two"]
