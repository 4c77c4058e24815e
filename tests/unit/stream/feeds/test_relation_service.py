"""Following with approval, blocking, muting, accounts and lists, across two workers that own different users."""

import asyncio

import grpc
import pytest
from aiokafka.errors import KafkaConnectionError
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from sluice.feed.v1 import relation_service_pb2 as pb

from services.contracts.relations import Relation, RelationKind
from services.contracts.topics import RELATIONS
from services.stream.feeds import changes as changes_module
from services.stream.feeds import limits
from services.stream.feeds import peers as peers_module
from tests.unit.stream.feeds.small_group import SERVICE, Group

FOLLOWS, REQUESTS, MEMBER_OF, MUTES, BLOCKS = (
    RelationKind.FOLLOWS,
    RelationKind.REQUESTS,
    RelationKind.MEMBER_OF,
    RelationKind.MUTES,
    RelationKind.BLOCKS,
)
FOLLOWING, PENDING = pb.FOLLOW_STATE_FOLLOWING, pb.FOLLOW_STATE_PENDING
ADMIN = "root:admin"


@pytest.fixture
async def group():
    async with Group() as group:
        yield group


@pytest.fixture
def anna(group):
    """A user of the first worker."""
    return group.name_at(group.workers[0])


@pytest.fixture
def ben(group):
    """A user of the second worker."""
    return group.name_at(group.workers[1])


async def refused(awaitable):
    """Return status, ErrorInfo reason and the fields at fault of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    reason, fields, info, bad = "", [], error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in rpc_status.from_call(caught.value).details:
        if detail.Unpack(info):
            reason = info.reason
        if detail.Unpack(bad):
            fields = [violation.field for violation in bad.field_violations]
    return caught.value.code().name, reason, *fields


async def approving(group, user):
    await group.call(user, "SetFollowPolicy", approves_followers=True)
    await group.call(user, "SetFollowPolicy", approves_followers=True, at=1)


# Following and approval


@pytest.mark.parametrize("at", [0, 1])
async def test_a_follow_is_in_force_whichever_worker_is_asked(group, anna, ben, at):
    assert (await group.call(anna, "Follow", object=ben, at=at)).state == FOLLOWING
    assert await group.listed(anna, "ListFollowing", at=at) == [ben]
    await group.call(anna, "Unfollow", object=ben, at=at)
    assert await group.listed(anna, "ListFollowing", at=at) == []


async def test_who_approves_of_followers_is_asked_first(group, anna, ben):
    """Until the approval there is a request and no follow; after it a follow and no request, on both sides."""
    await approving(group, ben)
    assert (await group.call(anna, "Follow", object=ben)).state == PENDING
    assert await group.listed(anna, "ListFollowing") == []
    assert await group.listed(anna, "ListFollowing", kind=REQUESTS) == [ben]
    assert await group.listed(ben, "ListFollowers", object=ben, kind=REQUESTS) == [anna]
    await group.call(ben, "ApproveFollow", subject=anna)
    assert await group.listed(anna, "ListFollowing") == [ben]
    assert await group.listed(anna, "ListFollowing", kind=REQUESTS) == []
    assert await group.listed(ben, "ListFollowers", object=ben) == [anna]
    assert await group.listed(ben, "ListFollowers", object=ben, kind=REQUESTS) == []


async def test_an_approval_writes_the_follow_before_it_takes_the_request_away(group, anna, ben):
    """Whoever reads the log to any place finds her as a follower or as somebody who asks, never as neither."""
    await approving(group, ben)
    await group.call(anna, "Follow", object=ben)
    before = len(group.log)
    await group.call(ben, "ApproveFollow", subject=anna)
    written = [(record.topic, record.key, record.value is not None, record.partition) for record in group.log[before:]]
    place = group.workers[0].state.partition_of(anna)
    assert written == [
        (RELATIONS.name, Relation(anna, FOLLOWS, ben).key, True, place),
        (RELATIONS.name, Relation(anna, REQUESTS, ben).key, False, place),
    ]


async def test_approving_again_changes_nothing_and_approving_nobody_is_told(group, anna, ben):
    await approving(group, ben)
    await group.call(anna, "Follow", object=ben)
    for _ in range(2):
        await group.call(ben, "ApproveFollow", subject=anna)
        assert await group.listed(anna, "ListFollowing") == [ben]
    stranger = group.name_at(group.workers[0])
    assert await refused(group.call(ben, "ApproveFollow", subject=stranger)) == ("NOT_FOUND", "NOT_FOUND")


@pytest.mark.parametrize("method", ["ApproveFollow", "RejectFollow", "RemoveFollower"])
async def test_nobody_approves_rejects_or_removes_for_another(group, anna, ben, method):
    """Not even who asks: an approval is the followed person's. The admin may."""
    await approving(group, ben)
    await group.call(anna, "Follow", object=ben)
    assert await refused(group.call(anna, method, subject=anna, object=ben)) == ("PERMISSION_DENIED", "PERMISSION_REFUSED")
    assert await group.listed(anna, "ListFollowing", kind=REQUESTS) == [ben]
    await group.call(ADMIN, method, subject=anna, object=ben)
    assert await group.listed(anna, "ListFollowing", kind=REQUESTS) == []


async def test_a_rejected_request_is_gone_and_may_be_made_again(group, anna, ben):
    await approving(group, ben)
    await group.call(anna, "Follow", object=ben)
    await group.call(ben, "RejectFollow", subject=anna)
    assert await group.listed(anna, "ListFollowing", kind=REQUESTS) == []
    assert await group.listed(ben, "ListFollowers", object=ben, kind=REQUESTS) == []
    assert (await group.call(anna, "Follow", object=ben)).state == PENDING


async def test_a_request_is_taken_back_by_unfollow(group, anna, ben):
    await approving(group, ben)
    await group.call(anna, "Follow", object=ben)
    await group.call(anna, "Unfollow", object=ben)
    assert await refused(group.call(ben, "ApproveFollow", subject=anna)) == ("NOT_FOUND", "NOT_FOUND")


async def test_a_removed_follower_has_to_ask_again(group, anna, ben):
    await group.call(anna, "Follow", object=ben)
    await approving(group, ben)
    assert (await group.call(anna, "Follow", object=ben)).state == FOLLOWING
    await group.call(ben, "RemoveFollower", subject=anna)
    assert await group.listed(anna, "ListFollowing") == []
    assert await group.listed(ben, "ListFollowers", object=ben) == []
    assert (await group.call(anna, "Follow", object=ben)).state == PENDING


async def test_a_request_becomes_a_follow_when_approval_is_no_longer_wanted(group, anna, ben):
    """The open request stays until she follows once more, and goes with it."""
    await approving(group, ben)
    await group.call(anna, "Follow", object=ben)
    await group.call(ben, "SetFollowPolicy", approves_followers=False)
    assert await group.listed(anna, "ListFollowing", kind=REQUESTS) == [ben]
    assert (await group.call(anna, "Follow", object=ben)).state == FOLLOWING
    assert await group.listed(anna, "ListFollowing", kind=REQUESTS) == []


async def test_whether_a_follow_will_ask_is_told(group, anna, ben):
    assert not (await group.call(anna, "GetFollowPolicy", user=ben)).approves_followers
    await approving(group, ben)
    assert (await group.call(anna, "GetFollowPolicy", user=ben)).approves_followers
    assert (await group.call(ben, "GetFollowPolicy")).approves_followers
    assert await refused(group.call(anna, "SetFollowPolicy", user=ben)) == ("PERMISSION_DENIED", "PERMISSION_REFUSED")


# Blocking


async def test_a_block_counts_on_both_sides_when_it_answers(group, anna, ben):
    for method, there in (("Block", True), ("Unblock", False)):
        await group.call(anna, method, object=ben)
        assert (ben in group.owner(anna).state.objects(anna, BLOCKS)) is there
        assert (anna in group.owner(ben).state.subjects(ben, BLOCKS)) is there


async def test_a_block_waits_for_the_other_sides_owner(group, anna, ben):
    """The call stays open as long as the blocked person's worker hasn't applied it."""
    other = group.owner(ben)
    other.held = []
    blocking = asyncio.create_task(group.call(anna, "Block", object=ben))
    await asyncio.wait_for(other.holds_back.wait(), 5)
    assert not blocking.done()
    group.release(other)
    await blocking
    assert anna in other.state.subjects(ben, BLOCKS)


async def test_a_block_whose_other_side_is_away_says_that_it_may_still_come(group, anna, ben):
    """Only one side is sure; repeating it is right, and goes well when the owner is back."""
    partition = group.workers[1].state.partition_of(ben)
    group.workers[1].state.give_up(partition)
    with pytest.raises(grpc.aio.AioRpcError, match="may still come into force") as caught:
        await group.call(anna, "Block", object=ben)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    group.workers[1].state.take_over(partition)
    await group.call(anna, "Block", object=ben)
    assert anna in group.owner(ben).state.subjects(ben, BLOCKS)


async def test_a_block_whose_other_side_stays_behind_ends(group, anna, ben, monkeypatch):
    monkeypatch.setattr(peers_module, "SECONDS", 0.05)
    group.owner(ben).held = []
    assert await refused(group.call(anna, "Block", object=ben)) == ("UNAVAILABLE", "UNAVAILABLE")


async def test_nobody_blocks_herself(group, anna):
    assert await refused(group.call(anna, "Block", object=anna)) == ("INVALID_ARGUMENT", "INVALID_REQUEST", "object")


async def test_only_people_are_blocked(group, anna):
    assert (await refused(group.call(anna, "Block", object="group:g")))[0] == "INVALID_ARGUMENT"


async def test_workers_answer_only_each_other(group, anna, ben):
    """Who blocks whom is nobody's to find out, not even the admin's, by waiting for an edge."""
    for user in (anna, ADMIN):
        edge = {"subject": anna, "kind": BLOCKS, "object": ben}
        assert await refused(group.await_inverse(user, **edge)) == ("PERMISSION_DENIED", "PERMISSION_REFUSED")


@pytest.mark.parametrize("at", [0, 1])
async def test_any_worker_passes_a_workers_question_on_to_the_owner(group, anna, ben, at):
    await group.call(anna, "Block", object=ben)
    await group.await_inverse(SERVICE, at=at, subject=anna, kind=BLOCKS, object=ben)
    await group.await_inverse(SERVICE, at=at, subject=anna, kind=FOLLOWS, object=ben, gone=True)


# Muting


async def test_a_muted_word_is_kept_as_it_is_compared(group, anna):
    """However it was written: muting it again changes nothing, and unmuting takes it back in any spelling."""
    await group.call(anna, "Mute", object="word:  Release\u00a0PARTY ")
    await group.call(anna, "Mute", object="word:release party")
    assert await group.listed(anna, "ListFollowing", kind=MUTES) == ["word:release party"]
    await group.call(anna, "Unmute", object="word:RELEASE party")
    assert await group.listed(anna, "ListFollowing", kind=MUTES) == []


@pytest.mark.parametrize("word", ["word: ", "word:" + "x" * 101])
async def test_a_word_that_cannot_be_muted_is_refused(group, anna, word):
    assert await refused(group.call(anna, "Mute", object=word)) == ("INVALID_ARGUMENT", "INVALID_REQUEST", "object")


async def test_words_are_not_followed(group, anna):
    assert (await refused(group.call(anna, "Follow", object="word:x")))[0] == "INVALID_ARGUMENT"


# Limits


LIMITED = {
    "Follow": (FOLLOWS, "tag:a", "tag:b", "tag:c"),
    "Block": (BLOCKS, "person:x", "person:y", "person:z"),
    "Mute": (MUTES, "tag:a", "tag:b", "tag:c"),
}


@pytest.mark.parametrize("method", LIMITED)
async def test_one_more_than_the_limit_is_refused_and_what_is_there_may_be_repeated(group, anna, method, monkeypatch):
    kind, first, second, third = LIMITED[method]
    monkeypatch.setitem(limits._EDGES, kind, 2)
    for name in (first, second):
        await group.call(anna, method, object=name)
    assert await refused(group.call(anna, method, object=third)) == ("RESOURCE_EXHAUSTED", "LIMIT_REACHED")
    await group.call(anna, method, object=first)
    await group.call(anna, f"Un{method.lower()}", object=first)
    await group.call(anna, method, object=third)


async def test_muted_words_have_a_limit_of_their_own(group, anna, monkeypatch):
    monkeypatch.setattr(limits, "_WORDS", 1)
    await group.call(anna, "Mute", object="word:one")
    assert await refused(group.call(anna, "Mute", object="word:two")) == ("RESOURCE_EXHAUSTED", "LIMIT_REACHED")
    await group.call(anna, "Mute", object="tag:two")


async def test_follows_at_the_same_time_do_not_pass_the_limit(group, anna, monkeypatch):
    """Changes of one user are made one after the other: each sees what the one before has done."""
    monkeypatch.setitem(limits._EDGES, FOLLOWS, 3)
    results = await asyncio.gather(*(group.call(anna, "Follow", object=f"tag:t{n}") for n in range(8)), return_exceptions=True)
    assert sum(isinstance(result, grpc.aio.AioRpcError) for result in results) == 5
    assert len(await group.listed(anna, "ListFollowing")) == 3


# Accounts


async def test_following_an_account_is_following_the_person(group, anna, ben):
    """Her followers stand in one place; unfollowing by any name ends it, also what was there before the account was linked."""
    account = group.name_at(group.workers[0])
    await group.call(anna, "Follow", object=account)
    await group.call(ADMIN, "LinkAccount", account=account, person=ben)
    await group.call(anna, "Follow", object=account)
    assert await group.listed(anna, "ListFollowing") == sorted([account, ben])
    assert await group.listed(ben, "ListFollowers", object=account) == [anna]
    await group.call(anna, "Unfollow", object=ben)
    assert await group.listed(anna, "ListFollowing") == []


async def test_an_account_is_asked_for_approval_as_its_person(group, anna, ben):
    account = group.name_at(group.workers[0])
    for at in (0, 1):
        await group.call(ADMIN, "LinkAccount", account=account, person=ben, at=at)
    await approving(group, ben)
    assert (await group.call(anna, "Follow", object=account)).state == PENDING
    assert await group.listed(ben, "ListFollowers", object=ben, kind=REQUESTS) == [anna]


async def test_a_person_follows_her_own_accounts_without_asking_herself(group, ben):
    account = group.name_at(group.workers[0])
    await group.call(ADMIN, "LinkAccount", account=account, person=ben)
    await approving(group, ben)
    assert (await group.call(ben, "Follow", object=account)).state == FOLLOWING


async def test_a_block_of_an_account_hides_its_person(group, anna, ben):
    account = group.name_at(group.workers[0])
    await group.call(ADMIN, "LinkAccount", account=account, person=ben)
    await group.call(anna, "Block", object=account)
    assert anna in group.owner(ben).state.subjects(ben, BLOCKS)
    assert anna in group.owner(account).state.subjects(account, BLOCKS)
    await group.call(anna, "Unblock", object=ben)
    assert anna not in group.owner(ben).state.subjects(ben, BLOCKS)
    assert anna not in group.owner(account).state.subjects(account, BLOCKS)


async def test_accounts_are_linked_moved_listed_and_unlinked(group, anna, ben):
    await group.call(SERVICE, "LinkAccount", account="person:a@x", person=anna)
    await group.call(SERVICE, "LinkAccount", account="person:b@x", person=anna)
    assert (await group.call(anna, "ListAccounts")).accounts == ["person:a@x", "person:b@x"]
    await group.call(ADMIN, "LinkAccount", account="person:a@x", person=ben)
    assert (await group.call(SERVICE, "ListAccounts", person=anna)).accounts == ["person:b@x"]
    await group.call(ADMIN, "UnlinkAccount", account="person:a@x")
    assert (await group.call(ADMIN, "ListAccounts", person=ben)).accounts == []


async def test_unlinking_somebody_who_is_no_account_leaves_her_policy(group, ben):
    await approving(group, ben)
    await group.call(ADMIN, "UnlinkAccount", account=ben)
    assert (await group.call(ben, "GetFollowPolicy")).approves_followers


@pytest.mark.parametrize("method", ["LinkAccount", "UnlinkAccount", "ListAccounts"])
async def test_accounts_are_not_everybodys(group, anna, ben, method):
    """Whoever could link an account could read what its followers are shown, and be shown as somebody else."""
    fields = {
        "LinkAccount": {"account": "person:a@x", "person": anna},
        "UnlinkAccount": {"account": "person:a@x"},
        "ListAccounts": {"person": ben},
    }
    assert await refused(group.call(anna, method, **fields[method])) == ("PERMISSION_DENIED", "PERMISSION_REFUSED")


async def test_chains_of_accounts_are_refused(group, anna, ben):
    await group.call(ADMIN, "LinkAccount", account="person:a@x", person=anna)
    chains = {
        "account": [("person:z", "person:z"), (anna, ben)],
        "person": [("person:c@x", "person:a@x")],
    }
    for field, pairs in chains.items():
        for account, person in pairs:
            answer = await refused(group.call(ADMIN, "LinkAccount", account=account, person=person))
            assert answer == ("INVALID_ARGUMENT", "INVALID_REQUEST", field)


async def test_a_person_has_so_many_accounts_and_no_more(group, anna, monkeypatch):
    monkeypatch.setattr(limits, "_ACCOUNTS", 1)
    await group.call(ADMIN, "LinkAccount", account="person:a@x", person=anna)
    await group.call(ADMIN, "LinkAccount", account="person:a@x", person=anna)
    answer = await refused(group.call(ADMIN, "LinkAccount", account="person:b@x", person=anna))
    assert answer == ("RESOURCE_EXHAUSTED", "LIMIT_REACHED")


# Who may list whom


async def test_outsiders_list_nobodys_followers_but_their_own(group, anna, ben):
    await group.call(anna, "Follow", object=ben)
    for obj in (ben, "tag:kafka", "group:g"):
        answer = await refused(group.call("guest", "ListFollowers", object=obj))
        assert answer == ("PERMISSION_DENIED", "PERMISSION_REFUSED")
    assert await group.listed(ben, "ListFollowers", object=ben) == [anna]
    assert await group.listed("carl:employee", "ListFollowers", object=ben) == [anna]
    assert await group.listed(ADMIN, "ListFollowers", object=ben) == [anna]


async def test_requests_are_listed_to_whom_they_ask(group, anna, ben):
    await approving(group, ben)
    await group.call(anna, "Follow", object=ben)
    answer = await refused(group.call("carl:employee", "ListFollowers", object=ben, kind=REQUESTS))
    assert answer == ("PERMISSION_DENIED", "PERMISSION_REFUSED")
    assert await group.listed(ADMIN, "ListFollowers", object=ben, kind=REQUESTS) == [anna]


async def test_members_are_listed_to_members(group, anna):
    await group.call(ADMIN, "Join", user=anna, group="group:g")
    assert await group.listed(anna, "ListFollowers", object="group:g", kind=MEMBER_OF) == [anna]
    answer = await refused(group.call("carl:employee", "ListFollowers", object="group:g", kind=MEMBER_OF))
    assert answer == ("PERMISSION_DENIED", "PERMISSION_REFUSED")


async def test_a_block_hides_both_from_each_others_lists(group, anna, ben):
    """Neither as a follower or somebody who asks, nor by looking at the other's followers."""
    carl = group.name_at(group.workers[0])
    for follower in (anna, carl):
        await group.call(follower, "Follow", object=ben)
    await group.call(ben, "Block", object=anna)
    assert await group.listed(ben, "ListFollowers", object=ben) == [carl]
    assert await group.listed(f"{anna}:employee", "ListFollowers", object=ben) == []
    assert await group.listed(f"{carl}:employee", "ListFollowers", object=ben) == sorted([anna, carl])


async def test_lists_are_paged_in_the_order_of_names(group, anna):
    names = sorted(f"tag:t{n}" for n in range(5))
    for name in reversed(names):
        await group.call(anna, "Follow", object=name)
    seen, token = [], ""
    while not seen or token:
        page = await group.call(anna, "ListFollowing", page_size=2, page_token=token)
        assert len(page.relations) <= 2
        seen += [edge.object for edge in page.relations]
        token = page.next_page_token
    assert seen == names


# Writing


async def test_a_change_that_kafka_does_not_take_may_still_come(group, anna):
    group.broken = KafkaConnectionError()
    with pytest.raises(grpc.aio.AioRpcError, match="may still come into force") as caught:
        await group.call(anna, "Follow", object="tag:x")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_repeated_change_is_written_again_with_its_first_date(group, anna):
    """The other replica group may have written the opposite meanwhile; the date says since when it is so."""
    await group.call(anna, "Follow", object="tag:x")
    (since,) = group.owner(anna).state.objects(anna, FOLLOWS).values()
    await group.call(anna, "Follow", object="tag:x")
    assert len([record for record in group.log if record.topic == RELATIONS.name]) == 2
    assert list(group.owner(anna).state.objects(anna, FOLLOWS).values()) == [since]


async def test_a_change_that_is_not_applied_in_time_may_still_come(group, anna, monkeypatch):
    monkeypatch.setattr(changes_module, "_SECONDS", 0.05)
    monkeypatch.setattr(group, "_deliver", lambda _record: None)
    assert await refused(group.call(anna, "Follow", object="tag:x")) == ("UNAVAILABLE", "UNAVAILABLE")
