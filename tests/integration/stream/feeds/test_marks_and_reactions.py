"""Marks, counts, what is saved, and reactions, through gRPC, Kafka and the real worker."""

import grpc
import pytest
from sluice.activity.v1 import preference_pb2
from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1 import marks_pb2, reactions_pb2, rollup_pb2

from services.contracts.activity import Scope
from tests.integration.stream.feeds.small_ingest import SmallIngest

pytestmark = pytest.mark.timeout(120)


async def posts_of_ben(house, anna, count):
    """Let Anna follow Ben, and Ben post; return the posts, the oldest first, when she sees the newest."""
    await anna.relate("Follow", object="person:ben")
    posts = [house.activity("ben", f"post {number}") for number in range(count)]
    await house.publish(*posts)
    newest = [post.text for post in reversed(posts)][:20]
    await anna.until_texts(newest)
    return posts


async def counts(caller):
    answer = await caller.call(caller.feeds.GetFeedCounts, pb.GetFeedCountsRequest())
    return answer.unseen, answer.unread, answer.at_least


async def states(caller, **fields):
    """Return what is marked on each entry of a page, by its text."""
    page = await caller.feed(**fields)
    names = ("liked", "saved", "read", "done", "seen")
    return {entry.activity.text: {name for name in names if getattr(entry.viewer_state, name)} for entry in page.entries}


async def test_marks_are_read_where_they_were_written(house):
    """Every call's answer is in the next page and the next count, and in those of the worker that starts anew."""
    async with house.working(), house.calling("anna") as anna:
        posts = await posts_of_ben(house, anna, 6)
        assert await counts(anna) == (6, 6, False)
        ids = [post.id for post in posts]
        await anna.call(anna.feeds.MarkSeen, marks_pb2.MarkSeenRequest(activity_ids=ids[:2]))
        assert await counts(anna) == (4, 6, False)
        await anna.call(anna.feeds.MarkDone, marks_pb2.MarkDoneRequest(activity_ids=ids[1:3]))
        await anna.call(anna.feeds.MarkUndone, marks_pb2.MarkUndoneRequest(activity_ids=ids[1:2]))
        place = {"up_to_sort_time_ms": posts[4].sort_time_ms, "up_to_id": posts[4].id}
        await anna.call(anna.feeds.MarkAllRead, pb.MarkAllReadRequest(**place))
        assert await counts(anna) == (1, 1, False)
        await anna.call(anna.feeds.MarkUnread, pb.MarkUnreadRequest(activity_ids=[ids[3]]))
        await anna.call(anna.feeds.MarkAllSeen, pb.MarkAllSeenRequest())
        assert await counts(anna) == (0, 2, False)
        expected = await states(anna)
        assert expected == {
            "post 5": {"seen"},
            "post 4": {"read", "seen"},
            "post 3": {"seen"},
            "post 2": {"read", "done", "seen"},
            "post 1": {"read", "seen"},
            "post 0": {"read", "seen"},
        }
    async with house.working(), house.calling("anna") as anna:
        await anna.until_serving_texts([post.text for post in reversed(posts)])
        assert await states(anna) == expected
        assert await counts(anna) == (0, 2, False)


async def test_what_is_saved_is_paged_in_the_order_of_saving(house):
    """It stays when Ben isn't followed any more, also for a worker that starts anew and has to ask the index."""
    async with house.working(), house.calling("anna") as anna:
        posts = await posts_of_ben(house, anna, 5)
        for post in (posts[3], posts[0], posts[4]):
            await anna.call(anna.feeds.Save, pb.SaveRequest(activity_ids=[post.id]))
        await anna.relate("Unfollow", object="person:ben")
        assert await saved(anna) == ["post 4", "post 0", "post 3"]
    await house.index.catch_up(house.send)
    async with house.working(), house.calling("anna") as anna:
        assert await saved(anna) == ["post 4", "post 0", "post 3"]
        await anna.call(anna.feeds.Unsave, pb.UnsaveRequest(activity_ids=[posts[0].id]))
        assert await saved(anna) == ["post 4", "post 3"]


async def saved(caller):
    """Return the texts of what is saved, paged through."""
    texts, token = [], ""
    while True:
        page = await caller.feed(feed=pb.FEED_KIND_SAVED, page_size=2, page_token=token)
        texts += [entry.activity.text for entry in page.entries]
        if not (token := page.next_page_token):
            return texts


async def test_a_token_of_one_feed_is_none_of_another(house):
    """And what is saved has one order, with nothing rolled up."""
    async with house.working(), house.calling("anna") as anna:
        posts = await posts_of_ben(house, anna, 3)
        await anna.call(anna.feeds.Save, pb.SaveRequest(activity_ids=[post.id for post in posts]))
        page = await anna.feed(feed=pb.FEED_KIND_SAVED, page_size=1)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await anna.feed(page_size=1, page_token=page.next_page_token)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        for other in ({"roll_up": rollup_pb2.RollUp()}, {"order": preference_pb2.ORDER_FOR_YOU}):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await anna.feed(feed=pb.FEED_KIND_SAVED, **other)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_reactions_are_in_force_when_they_are_answered(house):
    """Liked in the next page, not liked in the next page; what isn't hers to see isn't there; outsiders may not."""
    async with SmallIngest(house.publish) as ingest:
        peers = house.settings.peers.model_copy(update={"ingest": f"127.0.0.1:{ingest.port}"})
        house.settings = house.settings.model_copy(update={"peers": peers})
        async with house.working(), house.calling("anna") as anna, house.calling("eve", employee=False) as eve:
            posts = await posts_of_ben(house, anna, 3)
            ids = [post.id for post in posts]
            answer = await anna.call(anna.feeds.React, reactions_pb2.ReactRequest(activity_ids=ids[:2]))
            assert len(answer.reaction_ids) == 2
            assert await states(anna) == {"post 2": set(), "post 1": {"liked"}, "post 0": {"liked"}}
            again = await anna.call(anna.feeds.React, reactions_pb2.ReactRequest(activity_ids=ids[:2]))
            assert again.reaction_ids == answer.reaction_ids
            await anna.call(anna.feeds.Unreact, reactions_pb2.UnreactRequest(activity_ids=ids[1:2]))
            assert await states(anna) == {"post 2": set(), "post 1": set(), "post 0": {"liked"}}
            for caller, code, wanted in (
                (eve, grpc.StatusCode.NOT_FOUND, ids[0]),
                (anna, grpc.StatusCode.NOT_FOUND, "0" * 32),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await caller.call(caller.feeds.React, reactions_pb2.ReactRequest(activity_ids=[wanted]))
                assert refused.value.code() is code
            await house.publish(open_post := house.activity("ben", "open", scope=Scope.PUBLIC))
            await anna.until_texts(["open", "post 2", "post 1", "post 0"])
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await eve.call(eve.feeds.React, reactions_pb2.ReactRequest(activity_ids=[open_post.id]))
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_without_ingest_reactions_are_unavailable_and_reads_go_on(house):
    async with house.working(), house.calling("anna") as anna:
        (post,) = await posts_of_ben(house, anna, 1)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await anna.call(anna.feeds.React, reactions_pb2.ReactRequest(activity_ids=[post.id]))
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert await anna.texts() == ["post 0"]
