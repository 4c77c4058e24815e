"""Rolled-up feeds on a real broker: groups from the index and from what it doesn't show yet, page by page."""

import grpc
import pytest
from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1 import rollup_pb2

from services.contracts.activity import Object, Verb

DAY = rollup_pb2.RollUp(within=rollup_pb2.ROLL_UP_WITHIN_DAY)


def ids(entry):
    """The activities of an entry, newest first."""
    return list(entry.rollup.member_ids) or [entry.activity.id]


async def pages(caller, size, **asked):
    """Page through a rolled-up feed."""
    entries, page = [], await caller.feed(page_size=size, **asked)
    while page.next_page_token:
        assert len(page.entries) == size
        entries += page.entries
        page = await caller.feed(page_size=size, page_token=page.next_page_token, **asked)
    assert not page.partial
    return [*entries, *page.entries]


async def test_a_rolled_up_feed_is_told_page_by_page(house):
    """Half of it is in the index only; each activity is in one group, whatever the size of pages."""
    told = [
        house.activity(
            "ben" if number % 2 else "carl", f"{number}", cluster_id=f"{number % 3:016x}", language="de" if number % 4 else "en"
        )
        for number in range(24)
    ]
    shares = [
        house.activity(name, "share", verb=Verb.SHARE, object=Object(activity_id="0" * 32)) for name in ("ben", "carl", "dora")
    ]
    alone = house.activity("ben", "alone")
    await house.publish(*told[:16], shares[0])
    await house.index.catch_up(house.send)
    await house.publish(*told[16:], *shares[1:], alone)
    stories = [sorted(each.id for each in told[first::3]) for first in range(3)]
    expected = sorted([*stories, sorted(each.id for each in shares), [alone.id]])
    async with house.working(), house.calling("anna") as anna:
        for name in ("ben", "carl", "dora"):
            await anna.relate("Follow", object=f"person:{name}")
        for size in (1, 2, 50):
            entries = await pages(anna, size, roll_up=DAY)
            assert sorted(sorted(ids(entry)) for entry in entries) == expected
        [group] = [entry.rollup for entry in entries if list(entry.rollup.by) == [rollup_pb2.ROLL_UP_BY_ACT]]
        assert (group.count, group.actor_count, group.unread_count) == (3, 3, 3)
        assert {actor.name for actor in group.actors} == {"person:ben", "person:carl", "person:dora"}
        german = await pages(anna, 2, roll_up=DAY, filter=pb.FeedFilter(languages=["de"]))
        assert sorted(name for entry in german for name in ids(entry)) == sorted(
            each.id for each in told if each.language == "de"
        )
        by_thread = rollup_pb2.RollUp(by=[rollup_pb2.ROLL_UP_BY_THREAD])
        assert len(await pages(anna, 50, roll_up=by_thread)) == len(told) + len(shares) + 1
        outbox = await pages(anna, 2, roll_up=DAY, feed=pb.FEED_KIND_OUTBOX, of="person:ben")
        assert sorted(name for entry in outbox for name in ids(entry)) == sorted(
            each.id for each in (*told, *shares, alone) if each.actor.name == "person:ben"
        )
        token = (await anna.feed(page_size=1, roll_up=DAY)).next_page_token
        for wrong in (
            {"page_token": token},
            {"page_token": token, "roll_up": by_thread},
            {"roll_up": DAY, "feed": pb.FEED_KIND_SAVED},
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await anna.feed(page_size=1, **wrong)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
