"""Two refines, two indexers, two searches and two feeds workers at once: nothing is lost, doubled or shown to the wrong eyes."""

import asyncio
import time
from random import Random

import grpc
import pytest
from sluice.search.v1 import search_service_pb2
from sluice.search.v1.search_service_pb2_grpc import SearchServiceStub

from services.contracts.feed_filter import FeedFilter
from services.contracts.relations import RelationKind
from tests.cluster.judging import whole_feed
from tests.cluster.load import GROUPS, TAGS, USERS, Load
from tests.cluster.members import SESSION_S, Member
from tests.cluster.raw import history_of
from tests.unit.stream.feeds.reference import Society, feed, readable

ACTIVITIES = 1500
WAVE = 150
READERS = USERS[:8]
SEARCHABLE_S = 90.0

pytestmark = pytest.mark.timeout(600)


async def search(load: Load, member: Member, user: str, query: str = "") -> list[str]:
    """Return the ids of everything that a search finds, page by page; raises AioRpcError."""
    found, token = [], ""
    async with grpc.aio.insecure_channel(member.address) as channel:
        while True:
            request = search_service_pb2.SearchRequest(query=query, page_size=100, page_token=token)
            bearer = (("authorization", f"Bearer {load.cluster.token(user.removeprefix('person:'))}"),)
            page = await SearchServiceStub(channel).Search(request, metadata=bearer, timeout=20)
            found += [result.activity.id for result in page.results]
            if not (token := page.next_page_token):
                return found


async def until_found(load: Load, member: Member, user: str, expected: list[str]) -> None:
    """Wait until a search for everything finds what it must, once and in its order."""
    deadline = time.monotonic() + SEARCHABLE_S
    while (found := await search(load, member, user)) != expected:
        assert time.monotonic() < deadline, f"{user} by {member.name}: {len(found)} of {len(expected)}"
        await asyncio.sleep(0.5)


async def relate_some(load: Load, chance: Random) -> Society:
    """Let readers follow and join some; return what they did."""
    society = Society()
    for user in READERS:
        edges = society.edges[user]
        for obj in (*chance.sample(USERS[8:], 3), f"tag:{chance.choice(TAGS)}"):
            await load.relate(user, RelationKind.FOLLOWS, obj, present=True)
            edges.follows.add(obj)
        for group in chance.sample(GROUPS, 2):
            await load.relate(user, RelationKind.MEMBER_OF, group, present=True)
            edges.groups.add(group)
    return society


async def test_two_of_each_are_as_exact_as_one(cluster, load, raw_log):
    """Activities with edits, deletes, repetitions and disorder; one refine and one indexer killed in the middle, and back later."""
    apis = [cluster.add_search("api-0", "api"), cluster.add_search("api-1", "api")]
    indexers = [cluster.add_search(f"indexer-{number}", "indexer") for number in range(2)]
    refines = [cluster.add_refine(f"refine-{number}") for number in range(2)]
    # Most of a feed comes from history.
    feeds = [
        cluster.add_feeds(f"feeds-{number}", FEEDS__CAPACITY="10", PEERS__SEARCH=apis[number].address) for number in range(2)
    ]
    cluster.start(*apis, *indexers, *refines, *feeds)
    chance = Random(11)
    society = await relate_some(load, chance)

    states = [state for number in range(ACTIVITIES) for state in history_of(chance, number)]
    for first in range(0, len(states), WAVE):
        await raw_log.send(states[first : first + WAVE])
        if first == 3 * WAVE:
            refines[0].kill()
            indexers[0].kill()
    await asyncio.sleep(SESSION_S)
    cluster.start(refines[0], indexers[0])
    await raw_log.until_refined()
    last = list((await raw_log.until_exact()).values())
    assert len(await raw_log.output()) <= len(states), "what is folded is written once, but for what a killed worker had in hand"

    for user in READERS:
        groups = society.edges[user].groups
        visible = [one for one in last if not one.deleted and readable(one, user, groups, employee=True)]
        visible.sort(key=lambda one: (one.sort_time_ms, one.id), reverse=True)
        for api in apis:
            await until_found(load, api, user, [one.id for one in visible])
    for user in READERS:
        expected = [(entry[0], entry[-1]) for entry in feed(last, user, society, employee=True, asked=FeedFilter())]
        assert len(expected) > 10
        for member in feeds:
            assert await whole_feed(load, user, member) == expected, f"{user} by {member.name}"
