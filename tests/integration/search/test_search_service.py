"""From the topic to an answer over gRPC."""

import asyncio
import dataclasses
import time

import grpc
import pytest
from aiohttp import ClientSession
from elasticsearch import AsyncElasticsearch
from sluice.search.v1 import search_service_pb2 as pb

from services.contracts.cloud_events import DLQ_ORIGIN, DLQ_REASON
from services.contracts.codec import activity_to_proto
from services.contracts.indices import activities_index
from services.contracts.partitions import partition_of
from services.contracts.relation_codec import progress_from_bytes
from services.contracts.relations import Relation, RelationKind
from services.contracts.topics import ACTIVITIES, INDEX_PROGRESS, INDEXER_DLQ
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.embedded import free_port
from services.runtime.settings import OpsSettings, SearchSettings
from tests.integration.search.conftest import PARTITIONS, eventually
from tests.unit.search.examples import DIRECT, GROUP, INTERNAL, PUBLIC, activity

MEMBER = Relation("person:mia", RelationKind.MEMBER_OF, "group:platform")


async def found(caller, query="", **fields):
    answer = await caller.call("Search", pb.SearchRequest(query=query, page_size=100, **fields))
    assert answer.total_size == len(answer.results)
    return {result.activity.id for result in answer.results}


async def records_of(search, topic):
    records = []
    await bulk_read(search.security, await partitions_of(search.security, topic), lambda _, chunk: records.extend(chunk))
    return records


async def test_activities_become_searchable_edits_replace_and_deletes_hide(search):
    """And a version that comes late can't bring anything back."""
    old, new, gone = activity("1", text="first gate"), activity("1", text="second lock"), activity("2", text="gate")
    async with search.running(), search.as_user("anna") as anna:
        await search.publish(old, gone)
        await eventually(lambda: both(anna, "gate", {old.id, gone.id}))
        await search.publish(new, gone.as_deleted(5))
        await eventually(lambda: both(anna, "lock", {new.id}))
        await eventually(lambda: both(anna, "gate", set()))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await anna.call("GetActivity", pb.GetActivityRequest(id=gone.id))
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        answer = await anna.call("GetActivity", pb.GetActivityRequest(id=new.id))
        assert answer.activity == activity_to_proto(new)


async def both(caller, query, expected):
    return await found(caller, query) == expected


async def test_each_reader_sees_exactly_theirs_and_a_leave_is_in_force_at_once(search):
    """Membership comes from the relations log, whatever the token says."""
    made = {
        "public": activity("1", text="gate", audience=PUBLIC),
        "internal": activity("2", text="gate", audience=INTERNAL),
        "group": activity("3", text="gate", audience=GROUP),
        "direct": activity("4", text="gate", audience=DIRECT),
    }
    readers = {
        ("olga", False): {"public"},
        ("emil", True): {"public", "internal"},
        ("mia", True): {"public", "internal", "group"},
        ("ben", True): {"public", "internal", "direct"},
    }
    await search.relate(MEMBER)
    async with search.running():
        await search.publish(*made.values())
        for (user, employee), names in readers.items():
            theirs = {made[name].id for name in names}
            async with search.as_user(user, employee=employee) as caller:
                await eventually(lambda caller=caller, theirs=theirs: both(caller, "gate", theirs))
                batch = await caller.call(
                    "BatchGetActivities", pb.BatchGetActivitiesRequest(ids=[one.id for one in made.values()])
                )
                assert {one.id for one in batch.activities} == theirs
                await refusals_are_alike(caller, [one.id for one in made.values() if one.id not in theirs])
        await search.relate(MEMBER, None)
        async with search.as_user("mia", employee=True) as mia:
            await eventually(lambda: both(mia, "gate", {made["public"].id, made["internal"].id}))


async def refusals_are_alike(caller, ids):
    texts = set()
    for identity in (*ids, "0" * 32):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await caller.call("GetActivity", pb.GetActivityRequest(id=identity))
        told = sorted((name, value) for name, value in refused.value.trailing_metadata() if name != "x-request-id")
        texts.add((refused.value.code(), refused.value.details(), str(told)))
    assert len(texts) == 1


async def test_nobody_reads_without_a_token_and_history_is_for_services(search):
    """No anonymous read; ListHistory trusts its caller with the reader's groups."""
    request = pb.ListHistoryRequest(targets=["channel:blog"], reader=pb.Reader(user="person:olga"))
    async with search.running():
        async with search.as_user("anna", roles=["admin"]) as anna:
            await eventually(lambda: both(anna, "", set()))
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await anna.call("ListHistory", request)
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
            anna.metadata = ()
            with pytest.raises(grpc.aio.AioRpcError) as anonymous:
                await anna.call("Search", pb.SearchRequest())
            assert anonymous.value.code() is grpc.StatusCode.UNAUTHENTICATED
        async with search.as_user("feeds", roles=["service"]) as feeds:
            await search.publish(activity("1"), activity("2", audience=INTERNAL))
            await eventually(lambda: told(feeds, request, 2))
            answer = await feeds.call("ListHistory", request)
            assert [one.id for one in answer.activities] == [activity("1").id]
            assert answer.exhausted
            assert set(answer.refreshed) == set(range(PARTITIONS))


async def told(caller, request, total):
    return sum((await caller.call("ListHistory", request)).refreshed.values()) == total


async def test_poison_goes_to_the_dead_letters_as_it_came_and_the_log_goes_on(search):
    """With its reason and where it came from."""
    good = activity("1", text="gate")
    async with search.running(), search.as_user("anna") as anna:
        await search.send(ACTIVITIES.name, (b"a" * 32, b"\xff\xfe", partition_of(good.id, PARTITIONS)))
        await search.publish(good)
        await eventually(lambda: both(anna, "gate", {good.id}))
    (letter,) = await records_of(search, INDEXER_DLQ.name)
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers[DLQ_REASON]) == (b"a" * 32, b"\xff\xfe", b"undecodable")
    assert headers[DLQ_ORIGIN] == f"{ACTIVITIES.name}/{partition_of(good.id, PARTITIONS)}/0".encode()


async def test_shed_items_are_written_again(search):
    """A part of a bulk that failed is not lost and not poison."""
    made = [activity(str(number), text="gate") for number in range(40)]
    async with search.running(), search.as_user("anna") as anna:
        await eventually(lambda: both(anna, "", set()))
        search.proxy.shed = 3
        await search.publish(*made)
        await eventually(lambda: both(anna, "gate", {one.id for one in made}))
    assert search.proxy.shed == 0
    assert await records_of(search, INDEXER_DLQ.name) == []


async def test_an_elasticsearch_that_is_away_is_waited_for(search):
    """Readers get UNAVAILABLE, readiness says why, and everything is there afterwards."""
    made = [activity(str(number), text="gate") for number in range(30)]
    async with search.running(), search.as_user("anna") as anna, ClientSession() as http:
        await eventually(lambda: both(anna, "", set()))
        search.proxy.away = True
        await search.publish(*made)
        await eventually(lambda: problem(http, search, "indexer"))
        with pytest.raises(grpc.aio.AioRpcError) as away:
            await anna.call("Search", pb.SearchRequest())
        assert away.value.code() is grpc.StatusCode.UNAVAILABLE
        search.proxy.away = False
        await eventually(lambda: both(anna, "gate", {one.id for one in made}))
        await eventually(lambda: ready(http, search))


async def problem(http, search, name):
    async with http.get(f"http://127.0.0.1:{search.settings.ops.port}/readyz") as answer:
        return name in (await answer.json())["problems"]


async def ready(http, search):
    async with http.get(f"http://127.0.0.1:{search.settings.ops.port}/readyz") as answer:
        return answer.status == 200


async def test_a_restart_goes_on_and_announces_no_less(search):
    """What came while the indexer was down is indexed by the next one; the whole service is back at once (static membership)."""
    one, two = activity("1", text="gate"), activity("2", text="gate")
    async with search.running(), search.as_user("anna") as anna:
        await search.publish(one)
        await eventually(lambda: both(anna, "gate", {one.id}))
    await search.publish(two)
    began = time.monotonic()
    async with search.running(), search.as_user("anna") as anna:
        await eventually(lambda: both(anna, "gate", {one.id, two.id}))
    assert time.monotonic() - began < 10
    last = {}
    for record in await records_of(search, INDEX_PROGRESS.name):
        progress = progress_from_bytes(record.value)
        assert progress.refreshed >= last.get(progress.partition, 0)
        last[progress.partition] = progress.refreshed
    assert sum(last.values()) == 2
    assert set(last) == set(range(PARTITIONS))


async def test_both_servers_restart_and_the_service_comes_back(search):
    """Nothing has to be restarted by hand, and no reader is answered with memberships that nobody follows."""
    one, two = activity("1", text="gate"), activity("2", text="gate")
    async with search.running(), search.as_user("anna") as anna:
        await search.publish(one)
        await eventually(lambda: both(anna, "gate", {one.id}))
        await search.server.stop_async()
        await search.server.start_async()
        await search.publish(two)
        await eventually(lambda: both(anna, "gate", {one.id, two.id}), 60)


async def test_an_index_that_was_dropped_is_filled_again_from_the_topic(search):
    """Deleting and applying is a rebuild: the checkpoints went with the index."""
    one = activity("1", text="gate")
    async with search.running(), search.as_user("anna") as anna:
        await search.publish(one)
        await eventually(lambda: both(anna, "gate", {one.id}))
        async with AsyncElasticsearch(search.server.elasticsearch_url) as client:
            index = activities_index(core=search.settings.elasticsearch.core_analysis)
            await client.indices.delete(index=index.name)
            await client.indices.create(
                index=index.name,
                mappings=index.mappings,
                settings=index.settings,
                aliases={index.alias: {}, index.write_alias: {}},
            )
        await eventually(lambda: both(anna, "gate", {one.id}))


async def test_memberships_that_nobody_follows_answer_nothing(search):
    """Somebody may have left while the broker was away: UNAVAILABLE rather than leak."""
    async with search.running("api"), search.as_user("anna") as anna:
        await eventually(lambda: both(anna, "", set()))
        await asyncio.to_thread(search.server.kill)
        await eventually(lambda: refused_for(anna, "memberships"))
        search.server.start()


async def test_a_halted_indexer_closes_search_and_leaves_history_to_the_feeds(search):
    """An edit that narrowed the audience waits in the log: readers are not shown the old one. Feeds know how far the index has come."""
    apart = search.settings.model_copy(update={"ops": OpsSettings(port=free_port())})
    beside = dataclasses.replace(search, settings=apart)
    search.settings = search.settings.model_copy(update={"search": SearchSettings(stale_after_s=2.0)})
    opened, narrowed = activity("1", text="gate"), activity("1", text="gate", audience=INTERNAL)
    history = pb.ListHistoryRequest(targets=["channel:blog"], reader=pb.Reader(user="person:olga"), skeletons=True)
    async with search.running("api"), search.as_user("olga") as olga, search.as_user("feeds", roles=["service"]) as feeds:
        async with beside.running("indexer"):
            await search.publish(opened)
            await eventually(lambda: both(olga, "gate", {opened.id}))
        await search.publish(narrowed)
        await eventually(lambda: refused_for(olga, "behind"))
        answer = await feeds.call("ListHistory", history)
        assert [one.id for one in answer.facts] == [opened.id]
        assert sum(answer.refreshed.values()) == 1
        bodies = pb.BatchGetActivitiesRequest(ids=[opened.id], reader=pb.Reader(user="person:olga"))
        assert len((await feeds.call("BatchGetActivities", bodies)).activities) == 1
        async with beside.running("indexer"):
            await eventually(lambda: both(olga, "gate", set()))
        assert (await feeds.call("ListHistory", history)).facts == []


async def refused_for(caller, word):
    try:
        await caller.call("Search", pb.SearchRequest())
    except grpc.aio.AioRpcError as error:
        return word in (error.details() or "")
    return False
