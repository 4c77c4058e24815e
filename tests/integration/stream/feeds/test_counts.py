"""What is on an activity is told with it, to those who may read it: from the log of interactions to the reader's page."""

import time

import grpc
import pytest
from sluice.activity.v1 import activity_pb2
from sluice.feed.v1 import counts_pb2

from services.contracts.activity import Audience, Object, Scope, Verb
from services.contracts.codec import activity_to_proto
from services.contracts.interactions import edge_of, interaction_key, interaction_value
from services.contracts.partitions import partition_of
from services.contracts.topics import INTERACTIONS
from services.runtime.records import Outgoing
from tests.integration.stream.feeds.conftest import PARTITIONS


def on(house, actor, obj, verb=Verb.LIKE, **audience):
    """Return an activity that is on obj, as refine has it; for all employees unless audience says otherwise."""
    return house.activity(actor, "+1", verb=verb, object=Object(activity_id=obj), **audience)


def record(activity, *, gone=False):
    """Return what refine says at the side of what an activity is on."""
    message: activity_pb2.Activity = activity_to_proto(activity)
    edge = edge_of(message)
    value = None if gone else interaction_value(edge, message)
    partition = partition_of(activity.object.activity_id, PARTITIONS)
    return Outgoing(INTERACTIONS.name, interaction_key(edge, activity.id), value, partition=partition)


async def counts(caller, activity_ids=(), entities=()):
    request = counts_pb2.GetCountsRequest(activity_ids=activity_ids, entities=entities)
    return await caller.call(caller.feeds.GetCounts, request)


async def until_counts(caller, activity_id, expected, seconds=10.0):
    deadline = time.monotonic() + seconds
    while (told := (await counts(caller, [activity_id])).activities[0]) != expected:
        assert time.monotonic() < deadline, told
    return told


async def test_counts_go_along_with_entries_and_end_with_what_they_count(house):
    """Read back, followed, taken back, and again after a restart: distinct actors, each comment."""
    post = house.activity("ben", "a post")
    likes = [on(house, actor, post.id) for actor in ("carla", "dora", "dora")]
    comments = [on(house, "carla", post.id, Verb.COMMENT) for _ in range(2)]
    await house.publish(post)
    await house.send(record(likes[0]))
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        await until_counts(anna, post.id, counts_pb2.Counts(likes=1))
        await house.send(*map(record, likes + comments))
        await until_counts(anna, post.id, counts_pb2.Counts(likes=2, comments=2))
        [entry] = (await anna.feed()).entries
        assert entry.counts == counts_pb2.Counts(likes=2, comments=2)
        await house.send(record(likes[0], gone=True), *(record(comment, gone=True) for comment in comments))
        await until_counts(anna, post.id, counts_pb2.Counts(likes=1))
    async with house.working(), house.calling("anna") as anna:
        [entry] = (await anna.feed()).entries
        assert entry.counts == counts_pb2.Counts(likes=1)


async def test_a_like_outside_the_readers_audience_is_not_counted_for_her(house):
    post = house.activity("ben", "a post", scope=Scope.PUBLIC)
    inside = on(house, "carla", post.id)
    grouped = on(house, "dora", post.id, audience=Audience(Scope.GROUP, groups=("group:platform",)))
    await house.publish(post)
    await house.send(record(inside), record(grouped))
    async with house.working(), house.calling("anna") as anna, house.calling("guest", employee=False) as guest:
        await until_counts(anna, post.id, counts_pb2.Counts(likes=1))
        assert (await counts(guest, [post.id])).activities[0] == counts_pb2.Counts()
        async with house.calling("root", roles=("admin",)) as root:
            await root.relate("Join", group="group:platform", user="person:anna")
        await until_counts(anna, post.id, counts_pb2.Counts(likes=2))


async def test_entities_are_counted_where_they_are_owned_as_they_are_listed(house):
    async with house.working(), house.calling("anna") as anna, house.calling("ben") as ben, house.calling("carla") as carla:
        await anna.relate("Follow", object="person:ben")
        await carla.relate("Follow", object="person:ben")
        await ben.relate("Follow", object="tag:kafka")
        names = ["person:ben", "tag:kafka", "person:nobody"]

        async def told(caller):
            answer = await counts(caller, [], names)
            return [(entity.followers, entity.following) for entity in answer.entities]

        # A follow is in force for who follows at once, for the other side a moment later.
        deadline = time.monotonic() + 10
        while (answer := await told(anna)) != [(2, 1), (1, 0), (0, 0)]:
            assert time.monotonic() < deadline, answer
        await ben.relate("Block", object="person:carla")
        # Nothing is told across a block, and who is blocked doesn't count among her followers.
        assert await told(carla) == [(0, 0), (1, 0), (0, 0)]
        assert (await told(ben))[0] == (1, 1)
        async with house.calling("guest", employee=False) as guest:
            assert (await counts(guest, [], ["person:guest"])).entities[0] == counts_pb2.EntityCounts()
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await told(guest)
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
