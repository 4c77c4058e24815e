"""A call for a user of another worker goes there, with the caller's token, and never round in circles."""

import grpc
import pytest

from services.contracts.errors import ServiceUnavailable
from services.contracts.topics import RELATIONS
from services.stream.feeds.ownership import canonical_url, owner_in
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
        raise grpc.aio.AbortError(code, details)


class Elsewhere:
    """Stands for the other worker: remembers how it was called."""

    def __init__(self, error=None):
        self.calls = []
        self.error = error

    def __call__(self, channel):
        async def method(request, **options):
            self.calls.append((channel, request, dict(options["metadata"]), options["timeout"]))
            if self.error:
                raise self.error
            return "from there"

        return method


async def from_here():
    return "from here"


def routing(*, owned=False, owner="other:1", trusted=lambda: None):
    state = RelationState(1)
    if owned:
        state.take_over(0)
    return Routing(state, lambda _partition: owner, "me:1", lambda address: f"channel to {address}", trusted)


async def test_an_owned_user_is_answered_here():
    there = Elsewhere()
    assert await routing(owned=True).answer("person:a", Context(), from_here, there, "request") == "from here"
    assert there.calls == []


async def test_a_worker_that_is_behind_does_not_answer():
    """It could show what has been closed or deleted meanwhile."""

    def behind():
        raise ServiceUnavailable("behind")

    with pytest.raises(ServiceUnavailable, match="behind"):
        await routing(owned=True, trusted=behind).answer("person:a", Context(), from_here, Elsewhere(), "request")


async def test_others_are_asked_of_their_owner_with_the_callers_token():
    """The owner checks the caller itself; nothing else of the call is passed on."""
    there = Elsewhere()
    assert await routing().answer("person:a", Context(), from_here, there, "request") == "from there"
    assert there.calls == [("channel to other:1", "request", {"authorization": "Bearer t", "sluice-hops": "1"}, 3.0)]


@pytest.mark.parametrize("owner", [None, "me:1"])
async def test_a_user_without_a_known_owner_is_unavailable(owner):
    """While partitions move the map may name nobody, or this worker which has not taken over yet."""
    with pytest.raises(ServiceUnavailable):
        await routing(owner=owner).answer("person:a", Context(), from_here, Elsewhere(), "request")


@pytest.mark.parametrize("hops", ["2", "-1000000", "abc", "", "\u0663", "9" * 5000, b"1"])
async def test_a_call_does_not_go_round_in_circles(hops):
    """Two workers that take each other for the owner give up; a count that a caller made up ends it too."""
    there = Elsewhere()
    with pytest.raises(ServiceUnavailable):
        await routing().answer("person:a", Context(("sluice-hops", hops)), from_here, there, "request")
    assert there.calls == []


async def test_the_owners_refusal_is_the_answer():
    """Its status reaches the caller as it is."""
    refusal = grpc.aio.AioRpcError(grpc.StatusCode.PERMISSION_DENIED, grpc.aio.Metadata(), grpc.aio.Metadata(), "no")
    with pytest.raises(grpc.aio.AbortError) as caught:
        await routing().answer("person:a", Context(), from_here, Elsewhere(refusal), "request")
    assert caught.value.args[0] is grpc.StatusCode.PERMISSION_DENIED


def test_the_owner_is_read_from_the_assignors_map():
    """Faust's leader gives every member the whole map, by canonical URL."""
    distribution = {canonical_url("a:1"): {RELATIONS.name: [0, 2]}, canonical_url("b:1"): {RELATIONS.name: [1]}}
    assert [owner_in(distribution, partition) for partition in range(4)] == ["a:1", "b:1", "a:1", None]
