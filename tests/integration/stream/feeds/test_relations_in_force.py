"""Blocks, muted words, requests to follow, accounts and read marks on the real worker: in force when the call has answered."""

import asyncio
import time

import grpc
import pytest
from sluice.feed.v1.feed_service_pb2 import FeedFilter, MarkReadRequest, MarkUnreadRequest
from sluice.feed.v1.relation_service_pb2 import FOLLOW_STATE_FOLLOWING, FOLLOW_STATE_PENDING

from services.contracts.relations import RelationKind

REQUESTS = RelationKind.REQUESTS


async def listed(caller, method, **fields):
    answer = await caller.relate(method, **fields)
    return [edge.object if method == "ListFollowing" else edge.subject for edge in answer.relations]


async def until_listed(followed, asking, seconds=10.0):
    """Wait until the followed sees who asks: she hears of it a moment after the request was answered."""
    deadline = time.monotonic() + seconds
    while (found := await listed(followed, "ListFollowers", kind=REQUESTS)) != asking:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.01)


async def test_a_block_hides_both_sides_at_once(house):
    """The blocked person's next page has nothing of the blocker, without a moment in between; Unblock brings both back."""
    await house.publish(house.activity("anna", "by anna"), house.activity("ben", "by ben"))
    async with house.working(), house.calling("anna") as anna, house.calling("ben") as ben:
        await anna.relate("Follow", object="person:ben")
        await ben.relate("Follow", object="person:anna")
        assert await anna.texts() == await ben.texts() == ["by ben", "by anna"]
        await anna.relate("Block", object="person:ben")
        assert (await anna.texts(), await ben.texts()) == (["by anna"], ["by ben"])
        await anna.relate("Unblock", object="person:ben")
        assert await anna.texts() == await ben.texts() == ["by ben", "by anna"]


async def test_blocks_back_and_forth_never_show_the_former_state(house):
    """Each answer is the truth of the next read on the other side, however quickly one follows the other."""
    await house.publish(house.activity("anna", "by anna"))
    async with house.working(), house.calling("anna") as anna, house.calling("ben") as ben:
        await ben.relate("Follow", object="person:anna")
        for _ in range(10):
            await anna.relate("Block", object="person:ben")
            assert await ben.texts() == []
            await anna.relate("Unblock", object="person:ben")
            assert await ben.texts() == ["by anna"]


async def test_a_muted_word_hides_whole_words_only(house):
    await house.publish(
        house.activity("ben", "Lunch at noon"), house.activity("ben", "a lunchtime walk"), house.activity("ben", "after LUNCH")
    )
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        await anna.relate("Mute", object="word:Lunch")
        assert await anna.texts() == ["a lunchtime walk"]
        await anna.relate("Unmute", object="word:lunch")
        assert await anna.texts() == ["after LUNCH", "a lunchtime walk", "Lunch at noon"]


async def test_a_request_shows_nothing_until_it_is_approved(house):
    """Approved, the old entries are there; rejected or removed, they are gone for good."""
    await house.publish(house.activity("ben", "by ben"))
    async with house.working(), house.calling("anna") as anna, house.calling("ben") as ben:
        await ben.relate("SetFollowPolicy", approves_followers=True)
        assert (await anna.relate("Follow", object="person:ben")).state == FOLLOW_STATE_PENDING
        assert await anna.texts() == []
        await until_listed(ben, ["person:anna"])
        await ben.relate("RejectFollow", subject="person:anna")
        assert await listed(anna, "ListFollowing", kind=REQUESTS) == []
        await anna.relate("Follow", object="person:ben")
        await ben.relate("ApproveFollow", subject="person:anna")
        assert await anna.texts() == ["by ben"]
        assert (await anna.relate("Follow", object="person:ben")).state == FOLLOW_STATE_FOLLOWING
        assert await listed(ben, "ListFollowers") == ["person:anna"]
        await ben.relate("RemoveFollower", subject="person:anna")
        assert await anna.texts() == []
        assert await listed(ben, "ListFollowers") == []


async def test_a_policy_and_a_request_survive_a_restart(house):
    """They are in the log, like everything else."""
    async with house.working(), house.calling("anna") as anna, house.calling("ben") as ben:
        await ben.relate("SetFollowPolicy", approves_followers=True)
        await anna.relate("Follow", object="person:ben")
    async with house.working(), house.calling("carl") as carl, house.calling("ben") as ben:
        assert (await carl.relate("Follow", object="person:ben")).state == FOLLOW_STATE_PENDING
        await until_listed(ben, ["person:anna", "person:carl"])


async def test_following_a_person_is_following_her_accounts(house):
    """As soon as an account is linked its entries are there, old and new; unlinked they are gone."""
    await house.publish(house.activity("ben@social.example", "outside"), house.activity("ben", "inside"))
    async with house.working(), house.calling("anna") as anna, house.calling("directory", roles=["service"]) as directory:
        await anna.relate("Follow", object="person:ben")
        assert await anna.texts() == ["inside"]
        await directory.relate("LinkAccount", account="person:ben@social.example", person="person:ben")
        assert await anna.texts() == ["inside", "outside"]
        assert list((await directory.relate("ListAccounts", person="person:ben")).accounts) == ["person:ben@social.example"]
        await anna.relate("Mute", object="person:ben@social.example")
        assert await anna.texts() == []
        await anna.relate("Unmute", object="person:ben")
        await directory.relate("UnlinkAccount", account="person:ben@social.example")
        assert await anna.texts() == ["inside"]


async def test_a_block_by_one_account_counts_for_the_person(house):
    """Somebody who was blocked under another account reads with her own, and finds nothing."""
    await house.publish(house.activity("anna", "by anna"))
    async with house.working(), house.calling("anna") as anna, house.calling("ben") as ben:
        async with house.calling("directory", roles=["service"]) as directory:
            await directory.relate("LinkAccount", account="person:ben@social.example", person="person:ben")
        await ben.relate("Follow", object="person:anna")
        await anna.relate("Block", object="person:ben@social.example")
        assert await ben.texts() == []
        await anna.relate("Unblock", object="person:ben")
        assert await ben.texts() == ["by anna"]


async def test_what_was_read_is_marked_and_left_out_of_the_unread(house):
    posts = [house.activity("ben", f"{n}") for n in range(4)]
    await house.publish(*posts)
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        await anna.call(anna.feeds.MarkRead, MarkReadRequest(activity_ids=[posts[3].id, posts[1].id]))
        assert [entry.viewer_state.read for entry in (await anna.feed()).entries] == [True, False, True, False]
        assert await anna.texts(filter=FeedFilter(unread_only=True), page_size=2) == ["2", "0"]
        await anna.call(anna.feeds.MarkUnread, MarkUnreadRequest(activity_ids=[posts[3].id]))
        assert await anna.texts(filter=FeedFilter(unread_only=True)) == ["3", "2", "0"]


async def test_only_workers_ask_what_workers_ask(house):
    """The peer service is on the port that users reach."""
    async with house.working(), grpc.aio.insecure_channel(house.settings.grpc.address) as channel:
        ask = channel.unary_unary("/sluice.feed.v1.PeerService/AwaitInverse")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(b"\x0a\x08person:a\x10\x04\x1a\x08person:b", metadata=(("authorization", f"Bearer {house.token('anna')}"),))
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
