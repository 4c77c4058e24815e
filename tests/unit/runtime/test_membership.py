"""When a member may think that its partitions are its own."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaError
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest

from services.runtime.group_session import GroupSession
from services.runtime.membership import Membership, until_deaf

SESSION_S = 8.0
HEARTBEAT = HeartbeatRequest("group", 1, "member")
SYNC = SyncGroupRequest("group", 1, "member", "instance", [])


class Group:
    """A coordinator client that gets the answers it is told to, on a clock that the test moves."""

    def __init__(self):
        self.time = 100.0
        self.error_code = 0
        self.takes_s = 0.0
        self.membership = Membership(SESSION_S, lambda: self.time)
        self.client = SimpleNamespace(_send_req=self.answer)
        self.membership.watch(self.client)

    async def answer(self, _request):
        self.time += self.takes_s
        return SimpleNamespace(error_code=self.error_code)

    async def ask(self, request, error_code=0):
        self.error_code = error_code
        await self.client._send_req(request)


@pytest.fixture
def group():
    return Group()


def test_nothing_is_held_before_the_coordinator_said_so(group):
    assert not group.membership.held


@pytest.mark.parametrize("request_", [HEARTBEAT, SYNC], ids=["heartbeat", "assignment"])
async def test_a_confirmed_member_holds_its_partitions_until_its_session_would_end(group, request_):
    """Counted from the question: the coordinator may have answered at once, and the answer been late."""
    group.takes_s = 3.0
    await group.ask(request_)
    assert group.membership.held
    group.time = 100.0 + SESSION_S - 0.1
    assert group.membership.held
    group.time = 100.0 + SESSION_S
    assert not group.membership.held


@pytest.mark.parametrize(
    "error_code", [25, 27, 22, 16], ids=["unknown member", "rebalancing", "old generation", "no coordinator"]
)
async def test_what_is_refused_confirms_nothing(group, error_code):
    """A group that forms anew may give everything away before the session's time is over."""
    await group.ask(HEARTBEAT)
    group.time += SESSION_S / 2
    await group.ask(HEARTBEAT, error_code)
    group.time += SESSION_S / 2
    assert not group.membership.held


async def test_other_answers_confirm_nothing(group):
    """A commit by offset alone is taken from anybody; joining is not yet having partitions."""
    await group.ask(OffsetCommitRequest("group", 1, "member", -1, []))
    await group.ask(JoinGroupRequest("group", 8000, 30000, "member", "instance", "consumer", []))
    assert not group.membership.held


class Client:
    """A coordinator client as far as its errors go."""

    def __init__(self, ends):
        self._closing = asyncio.get_running_loop().create_future()
        self._coordination_task = asyncio.ensure_future(ends)
        self.pending = None

    def check_errors(self):
        if self._coordination_task.done():
            self._coordination_task.result()
        if self.pending:
            raise self.pending


async def die():
    raise KafkaError("unexpected")


async def test_a_routine_that_dies_is_noticed():
    """Nobody would send heartbeats any more, and nobody would say so."""
    error = await asyncio.wait_for(until_deaf(Client(die())), 10)
    assert isinstance(error, KafkaError)


async def test_an_error_that_waits_for_a_reader_is_noticed():
    """The routine stands still until somebody takes it."""
    client = Client(asyncio.Event().wait())
    client.pending = KafkaError("not authorised")
    assert await asyncio.wait_for(until_deaf(client), 10) is client.pending
    client._coordination_task.cancel()


async def test_a_client_that_was_closed_is_no_failure():
    client = Client(asyncio.Event().wait())
    client._closing.set_result(None)
    assert await asyncio.wait_for(until_deaf(client), 10) is None
    client._coordination_task.cancel()


def test_a_session_that_two_lost_heartbeats_would_end_is_refused():
    assert GroupSession(6.0, 2.0).timeout_s == 6.0
    with pytest.raises(ValueError, match="third"):
        GroupSession(5.9, 2.0)
