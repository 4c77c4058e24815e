"""A call for a user of another worker goes there, with the caller's token, and never round in circles."""

import asyncio

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.contracts.errors import ServiceUnavailable
from services.contracts.topics import RELATIONS
from services.stream.feeds.ownership import canonical_url, owner_in
from services.stream.feeds.passing_on import OwnerAway
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.routing import Routing

TOKEN = ("authorization", "Bearer t")


class Context:
    """What a servicer knows of a call."""

    def __init__(self, *metadata):
        self._metadata = metadata

    def invocation_metadata(self):
        return (TOKEN, ("cookie", "not passed on"), *self._metadata)

    def time_remaining(self):
        return 3.0

    async def abort(self, code, details, trailing):
        raise grpc.aio.AbortError(code, details, trailing)


class Workers:
    """Stand for the other workers: remember how they were called, and say what they are told to, by address."""

    def __init__(self, **says):
        self.calls = []
        self.says = says

    def __call__(self, address):
        async def method(request, **options):
            self.calls.append((address, request, dict(options["metadata"]), options["timeout"]))
            said = self.says.get(address, f"from {address}")
            if callable(said):
                said = said()
            if isinstance(said, asyncio.Event):
                await said.wait()
                said = f"from {address}, late"
            if isinstance(said, Exception):
                raise said
            return said

        return method

    @property
    def asked(self):
        return [address for address, *_ in self.calls]


def failure(code, reason=""):
    """Return what a call raises that ended with a code; reason: of its ErrorInfo, none when nobody was reached."""
    if not reason:
        return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "no")
    status = status_pb2.Status(code=code.value[0], message="no")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="sluice"))
    trailing = grpc.aio.Metadata(*rpc_status.to_status(status).trailing_metadata)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, "no")


AWAY = failure(grpc.StatusCode.UNAVAILABLE)


async def from_here():
    return "from here"


def routing(*, owned=False, owner="other", trusted=lambda: None, pauses_s=(0.0,), **options):
    """Return the routing of the worker `me`. owner: an address, or a function that gives it."""
    state = RelationState(1)
    if owned:
        state.take_over(0)
    address_of = owner if callable(owner) else lambda _partition: owner
    return Routing(state, address_of, "me", lambda address: address, trusted, pauses_s=pauses_s, **options)


async def answer(routing, workers, *metadata, here=from_here, **options):
    return await routing.answer("person:a", Context(*metadata), here, workers, "request", **options)


def behind():
    raise ServiceUnavailable("behind")


async def test_an_owned_user_is_answered_here():
    workers = Workers()
    assert await answer(routing(owned=True, other_group="b"), workers) == "from here"
    assert workers.calls == []


async def test_a_worker_that_is_behind_does_not_answer():
    """It could show what has been closed or deleted meanwhile."""
    with pytest.raises(OwnerAway, match="behind"):
        await answer(routing(owned=True, trusted=behind), Workers())


async def test_what_the_other_group_has_taken_is_applied_before_a_user_is_answered_here():
    """And a worker that lost its trust while it waited for that does not answer."""
    trust, waited = [], []

    def trusted():
        if trust:
            raise ServiceUnavailable("moved")

    async def caught_up(name):
        waited.append(name)

    async def overtaken(_name):
        trust.append("lost")

    worker = routing(owned=True, trusted=trusted, caught_up=caught_up)
    assert await answer(worker, Workers()) == "from here"
    assert waited == ["person:a"]
    with pytest.raises(OwnerAway, match="moved"):
        await answer(routing(owned=True, trusted=trusted, caught_up=overtaken), Workers())


async def test_who_cannot_tell_what_the_other_group_has_taken_lets_it_answer():
    workers = Workers()

    async def caught_up(_name):
        raise ServiceUnavailable("not known")

    assert await answer(routing(owned=True, caught_up=caught_up, other_group="b"), workers) == "from b"


async def test_others_are_asked_of_their_owner_with_the_callers_token():
    """The owner checks the caller itself; nothing else of the call is passed on."""
    workers = Workers()
    assert await answer(routing(), workers) == "from other"
    assert workers.calls == [("other", "request", {"authorization": "Bearer t", "sluice-hops": "1"}, 3.0)]


@pytest.mark.parametrize("owner", [None, "me"])
async def test_a_user_without_a_known_owner_is_unavailable(owner):
    """While partitions move the map may name nobody, or this worker which has not taken over yet."""
    with pytest.raises(OwnerAway) as caught:
        await answer(routing(owner=owner), Workers())
    assert caught.value.retry_after_s > 0


@pytest.mark.parametrize("hops", ["2", "-1000000", "abc", "", "\u0663", "9" * 5000, b"1"])
async def test_a_call_does_not_go_round_in_circles(hops):
    """Two workers that take each other for the owner give up; a count that a caller made up ends it too."""
    workers = Workers()
    with pytest.raises(OwnerAway):
        await answer(routing(), workers, ("sluice-hops", hops))
    assert workers.calls == []


@pytest.mark.parametrize(
    "refusal",
    [failure(grpc.StatusCode.PERMISSION_DENIED), failure(grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")],
    ids=["refused", "its own trouble"],
)
async def test_the_owners_refusal_is_the_answer(refusal):
    """Its status and details reach the caller as they are, and nobody else is asked: it knows best."""
    workers = Workers(other=refusal)
    with pytest.raises(grpc.aio.AbortError) as caught:
        await answer(routing(other_group="b"), workers)
    assert caught.value.args[0] is refusal.code()
    assert caught.value.args[2] == tuple(refusal.trailing_metadata())
    assert workers.asked == ["other"]


async def test_a_user_who_has_moved_is_asked_of_the_new_owner_at_once():
    """The worker that was asked says it isn't the owner; meanwhile the map names another."""
    owners = iter(["old", "new"])
    workers = Workers(old=failure(grpc.StatusCode.UNAVAILABLE, "OWNER_UNAVAILABLE"))
    assert await answer(routing(owner=lambda _partition: next(owners), pauses_s=()), workers) == "from new"
    assert workers.asked == ["old", "new"]


async def test_a_user_who_moves_here_meanwhile_is_answered_here():
    worker = routing(pauses_s=())

    def takes_over(_partition):
        worker._state.take_over(0)
        return "other"

    worker._address_of = takes_over
    assert await answer(worker, Workers(other=AWAY)) == "from here"


async def test_a_user_who_leaves_while_she_is_answered_is_asked_elsewhere():
    """Her partition goes in the middle of an answer; the caller sees only that it took a little longer."""
    worker = routing(owned=True)

    async def loses_her():
        worker._state.give_up(0)
        raise KeyError("person:a")

    assert await answer(worker, Workers(), here=loses_her) == "from other"


async def test_an_owner_that_is_away_is_tried_again_before_the_caller_hears_of_it():
    """A worker that restarts costs no error when it is back within the pauses; after them the caller is told to try again."""
    workers = Workers(other=AWAY)
    with pytest.raises(OwnerAway):
        await answer(routing(pauses_s=(0.0, 0.0)), workers)
    assert workers.asked == ["other"] * 3


async def test_a_call_that_was_passed_on_is_not_tried_again():
    """Otherwise tries would multiply with every hop."""
    workers = Workers(other=AWAY)
    with pytest.raises(OwnerAway):
        await answer(routing(pauses_s=(0.0, 0.0), other_group="b"), workers, ("sluice-hops", "1"))
    assert workers.asked == ["other"]


@pytest.mark.parametrize("worker", [{"owner": "other"}, {"owner": None}, {"owned": True, "trusted": behind}])
async def test_the_other_group_answers_where_the_owner_is_away_behind_or_unknown(worker):
    """It keeps the same users; the mark keeps it from sending the call back, and hops count anew there."""
    workers = Workers(other=AWAY)
    assert await answer(routing(other_group="b", **worker), workers) == "from b"
    assert workers.calls[-1][:3] == ("b", "request", {"authorization": "Bearer t", "sluice-other-group": "1"})


async def test_the_other_group_does_not_send_a_call_back():
    workers = Workers(other=AWAY)
    with pytest.raises(OwnerAway):
        await answer(routing(other_group="b"), workers, ("sluice-other-group", "1"))
    assert workers.asked == ["other"]
    assert workers.calls[0][2]["sluice-other-group"] == "1"


async def test_a_silent_owner_costs_no_more_than_the_patience():
    """A stopped process keeps its connections; the other group is asked as well, and the first answer counts."""
    workers = Workers(other=asyncio.Event())
    assert await answer(routing(other_group="b"), workers, patience_s=0.01) == "from b"


async def test_a_slow_owner_still_counts_when_the_other_group_is_away():
    slow = asyncio.Event()

    def away():
        slow.set()
        return AWAY

    assert await answer(routing(other_group="b"), Workers(other=slow, b=away), patience_s=0.01) == "from other, late"


async def test_without_anybody_who_answers_the_caller_is_told_to_try_again():
    with pytest.raises(OwnerAway) as caught:
        await answer(routing(other_group="b"), Workers(other=AWAY, b=AWAY))
    assert caught.value.retry_after_s > 0


def test_the_owner_is_read_from_the_assignors_map():
    """Faust's leader gives every member the whole map, by canonical URL."""
    distribution = {canonical_url("a:1"): {RELATIONS.name: [0, 2]}, canonical_url("b:1"): {RELATIONS.name: [1]}}
    assert [owner_in(distribution, partition) for partition in range(4)] == ["a:1", "b:1", "a:1", None]
