"""What the feeds rely on when they ask for history, of the fake and of the search service on a real engine alike."""

from dataclasses import replace

import grpc
import pytest
from elasticsearch import AsyncElasticsearch
from sluice.search.v1.search_service_pb2_grpc import add_SearchServiceServicer_to_server

from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb
from services.contracts.codec import activity_to_bytes
from services.contracts.feed_filter import FeedFilter
from services.contracts.indices import Index, activities_index
from services.contracts.matching import facts_of, likes_name
from services.contracts.principal import Principal, Role
from services.contracts.relations import PersonRelations
from services.runtime.auth import TokenInvalid
from services.runtime.grpc_server import GrpcServer
from services.runtime.settings import GrpcSettings
from services.runtime.settings_loading import load_settings
from services.search.documents import document_at
from services.search.elastic_index import ElasticIndex
from services.search.history import History
from services.search.index_admin import apply_index
from services.search.reads import Reads
from services.search.servicer import SearchServicer
from services.stream.feeds.history import HistoryAway
from services.stream.feeds.history_client import HistoryClient
from services.stream.feeds.places import BOTTOM, TOP, just_above, place_of
from tests.integration.conftest import embedded, unique
from tests.unit.stream.feeds.fake_history import FakeHistory

__all__ = ["embedded", "unique"]

READER = PersonRelations("person:anna", employee=True, groups=frozenset({"group:g"}))
OUTSIDER = PersonRelations("person:out")
ANSWERED = {0: 7}


class FakeSide:
    """The fake, with a log of one partition."""

    def __init__(self):
        self.port = FakeHistory([[]])

    async def index(self, activities):
        self.port.logs[0].extend(activities)
        self.port.indexed, self.port.confessed = [len(self.port.logs[0])], [ANSWERED[0]]

    async def go_away(self):
        self.port.away = True


class RealSide:
    """The client, gRPC, the gate, the servicer and the engine."""

    def __init__(self, index, server, channel):
        self.port = HistoryClient(channel, lambda: "service")
        self.offset = 0
        self._index = index
        self._server = server

    async def index(self, activities):
        documents = []
        for activity in activities:
            documents.append(document_at(activity.id.encode(), activity_to_bytes(activity), self.offset))
            self.offset += 1
        await self._index.bulk(documents)
        await self._index.refresh()

    async def go_away(self):
        await self._server.stop(0)


async def authenticate(token):
    if token != "service":
        raise TokenInvalid("no")
    return Principal("feeds", roles=frozenset({Role.SERVICE}))


@pytest.fixture(params=["fake", "real"])
async def side(request, embedded, unique):
    """Return an empty history."""
    if request.param == "fake":
        yield FakeSide()
        return
    client = AsyncElasticsearch(embedded.elasticsearch_url)
    wanted = activities_index(core=load_settings().elasticsearch.core_analysis)
    named = Index(unique, wanted.version, wanted.description, wanted.mappings, wanted.settings)
    await apply_index(client, named)
    index = ElasticIndex(client, named)
    server = GrpcServer(GrpcSettings(port=0), authenticate=authenticate, service_names=[])
    reads = Reads(index, lambda user: frozenset(), lambda: "history doesn't ask how far the index has come")
    server.add(add_SearchServiceServicer_to_server, SearchServicer(reads, History(index, lambda: ANSWERED)))
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield RealSide(index, server, channel)
    await server.stop(0)
    await client.close()


def post(number, *, time=None, scope=Scope.INTERNAL, **changes):
    fields = {"verb": Verb.POST, "actor": Entity("person:ben"), "audience": Audience(scope), "text": f"post {number}"}
    fields |= {"sort_time_ms": 1000 + number if time is None else time, "source": Source("sluice", "test", str(number))}
    return Activity(**(fields | changes)).with_id()


def ids(answer):
    return [entry.facts.id for entry in answer.found]


def newest_first(*activities):
    return [a.id for a in sorted(activities, key=lambda a: (a.sort_time_ms, a.id), reverse=True)]


async def test_pages_down_to_the_end_without_gap_or_repetition(side):
    """Ties in time are ordered by id, and `below` is exclusive."""
    posts = [post(n, time=1000 + n // 4) for n in range(20)]
    await side.index(posts)
    shown, below, exhausted = [], TOP, False
    while not exhausted:
        answer = await side.port.newest({"person:ben", "tag:none"}, READER, below=below, limit=3)
        shown += ids(answer)
        exhausted = answer.exhausted
        below = place_of(answer.found[-1].facts) if answer.found else below
    assert shown == newest_first(*posts)


async def test_just_above_a_time_includes_its_ties(side):
    """A timeline is complete strictly above complete_from; the ties are history's."""
    posts = [post(n, time=1000 + n // 4) for n in range(12)]
    await side.index(posts)
    answer = await side.port.newest({"person:ben"}, READER, below=just_above(1001), limit=100)
    assert ids(answer) == newest_first(*posts[:8])
    assert answer.exhausted


async def test_only_what_stands_above_a_place(side):
    """A back-fill asks for no more than it lacks; ties of the place's time are told apart."""
    posts = sorted((post(n, time=1000 + n // 4) for n in range(12)), key=lambda a: (a.sort_time_ms, a.id))
    await side.index(posts)
    for at, lowest in enumerate(posts):
        bounds = {"above": place_of(facts_of(lowest)), "limit": 4}
        answer = await side.port.newest({"person:ben"}, READER, below=TOP, **bounds)
        above = newest_first(*posts[at + 1 :])
        assert (ids(answer), answer.exhausted) == (above[:4], len(above) <= 4)
    whole = await side.port.newest({"person:ben"}, READER, below=just_above(1001), above=BOTTOM, limit=100)
    assert (ids(whole), whole.exhausted) == (newest_first(*posts[:8]), True)


async def test_a_filter_takes_nothing_from_the_limit(side):
    """Pages of a narrowed feed are full: what doesn't pass is left out before it is counted."""
    news = Source("rss", "test", "n", "channel:news")
    put, tagged = post(1, target=Entity("channel:news")), post(2, tags=("x", "y"), language="de", scope=Scope.PUBLIC)
    came, other = post(3, source=news, tags=("x",), language="en"), post(4, actor=Entity("person:carl"))
    posts = [put, tagged, came, other]
    await side.index([*posts, *(post(n) for n in range(5, 50))])
    for wanted, expected in (
        (FeedFilter(channels=("channel:news",)), [came, put]),
        (FeedFilter(channels=("channel:news",), tags=("y", "x")), [came]),
        (FeedFilter(tags=("x",)), [came, tagged]),
        (FeedFilter(source_kinds=("rss", "mastodon")), [came]),
        (FeedFilter(actors=("person:carl", "person:nobody")), [other]),
        (FeedFilter(languages=("de", "fr")), [tagged]),
        (FeedFilter(scopes=(Scope.PUBLIC,)), [tagged]),
        (FeedFilter(scopes=(Scope.PUBLIC,), languages=("en",)), []),
    ):
        asked = {"below": TOP, "limit": len(expected) or 1, "narrowed": wanted}
        answer = await side.port.newest({"person:ben", "person:carl"}, READER, **asked)
        assert (ids(answer), answer.exhausted) == ([one.id for one in sorted(expected, key=lambda a: -a.sort_time_ms)], True)


async def test_bodies_are_the_records_and_the_vector_comes_along(side):
    """What is presented is what the log has; the vector says how much of the log the answer has seen."""
    tagged = post(1, tags=("x",), target=Entity("group:g"), object=Object(content="<p>x</p>"), language="de")
    await side.index([tagged])
    answer = await side.port.newest({"tag:x"}, READER, below=TOP, limit=10)
    assert [(entry.facts, entry.body) for entry in answer.found] == [(facts_of(tagged), None)]
    assert await side.port.bodies([tagged.id], READER) == {tagged.id: activity_to_bytes(tagged)}
    assert answer.refreshed == ANSWERED


async def test_only_what_the_reader_may_read(side):
    """The groups come from the question, since the feeds know the relations first."""
    public, internal = post(1, scope=Scope.PUBLIC), post(2)
    group = post(3, audience=Audience(Scope.GROUP, groups=("group:g",)))
    direct = post(4, audience=Audience(Scope.DIRECT, recipients=("person:carl",)))
    everything = [public, internal, group, direct]
    await side.index(everything)
    every_id = [activity.id for activity in everything]
    for reader, expected in ((READER, [group, internal, public]), (OUTSIDER, [public])):
        answer = await side.port.newest({"person:ben", "inbox:person:carl"}, reader, below=TOP, limit=10)
        assert ids(answer) == newest_first(*expected)
        assert set(await side.port.bodies(every_id, reader)) == {activity.id for activity in expected}


async def test_edits_move_and_deletes_hide(side):
    """The last record of an activity decides under which names it is found, if at all."""
    moved, gone = post(1, tags=("x",)), post(2, tags=("x",))
    await side.index([moved, gone, replace(moved, tags=("y",)), gone.as_deleted(2)])
    assert ids(await side.port.newest({"tag:x"}, READER, below=TOP, limit=10)) == []
    assert ids(await side.port.newest({"tag:y"}, READER, below=TOP, limit=10)) == [moved.id]
    assert set(await side.port.bodies([moved.id, gone.id], READER)) == {moved.id}


async def test_likes_are_found_under_their_actor_only(side):
    """No feed shows a like; its actor's likes do."""
    like = post(1, verb=Verb.LIKE, actor=Entity("person:anna"), object=Object(activity_id=post(9).id))
    await side.index([like, post(2, actor=Entity("person:anna"))])
    asked = {"verbs": {Verb.LIKE}, "below": TOP, "limit": 10}
    assert ids(await side.port.newest({likes_name("person:anna")}, READER, **asked)) == [like.id]
    assert ids(await side.port.newest({"person:anna"}, READER, **asked)) == []


async def test_nothing_is_below_the_bottom_of_an_empty_history(side):
    """An empty answer is exhausted."""
    answer = await side.port.newest({"person:ben"}, READER, below=TOP, limit=10)
    assert (answer.found, answer.exhausted) == ([], True)
    assert BOTTOM < just_above(0) < TOP


async def test_away_is_a_named_error(side):
    """The feeds then serve what they have and say so."""
    await side.go_away()
    with pytest.raises(HistoryAway):
        await side.port.newest({"person:ben"}, READER, below=TOP, limit=10)
    with pytest.raises(HistoryAway):
        await side.port.bodies([post(1).id], READER)
