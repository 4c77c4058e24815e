import asyncio
import time
from types import SimpleNamespace

import pytest
from aiokafka.protocol.fetch import FetchRequest

from services.runtime.fetch_pacing import paced

EMPTY = SimpleNamespace(topics=[("t", [(0, 0, 7, 7, None, b"")])])
FULL = SimpleNamespace(topics=[("t", [(0, 0, 7, 7, None, b"records")])])
MUCH = SimpleNamespace(topics=[("t", [(0, 0, 7, 7, None, bytes(300_000))])])
FAILED = SimpleNamespace(topics=[("t", [(0, 1, -1, -1, None, b"")])])


class Client:
    """Answers every request at once, or after wait_s."""

    def __init__(self, answer, wait_s=0.0):
        self.answer, self.wait_s, self.asked = answer, wait_s, 0

    async def send(self, node_id, request, **options):
        self.asked += 1
        await asyncio.sleep(self.wait_s)
        return self.answer


def fetch() -> FetchRequest:
    return FetchRequest.__new__(FetchRequest)


async def seconds_of(client: Client, times: int, request=None) -> float:
    consumer = paced(SimpleNamespace(_client=client))
    began = time.monotonic()
    for _ in range(times):
        await consumer._client.send(0, request or fetch())
    return time.monotonic() - began


async def test_empty_answers_that_come_at_once_are_spaced_out():
    """An idle consumer asks a few dozen times a second instead of thousands."""
    assert await seconds_of(Client(EMPTY), 10) > 0.15


@pytest.mark.parametrize("answer", [MUCH, FAILED])
async def test_who_is_behind_asks_again_at_once(answer):
    """And after an error, too."""
    assert await seconds_of(Client(answer), 50) < 0.1


async def test_records_gather_before_they_are_asked_for_again_and_are_never_held_back():
    """A fetch costs much more than a record; what has come is handed over at once."""
    assert await seconds_of(Client(FULL), 1) < 0.01
    assert 0.1 < await seconds_of(Client(FULL), 11) < 0.5


async def test_a_record_ends_the_long_pauses():
    """After records the next empty answer costs the shortest pause again."""
    client = Client(EMPTY)
    consumer = paced(SimpleNamespace(_client=client))
    for _ in range(10):
        await consumer._client.send(0, fetch())
    client.answer = FULL
    await consumer._client.send(0, fetch())
    client.answer = EMPTY
    began = time.monotonic()
    await consumer._client.send(0, fetch())
    assert time.monotonic() - began < 0.02


async def test_a_broker_that_waits_itself_is_not_slowed_down():
    """With a real broker the empty answer comes late, and nothing is added to it."""
    assert await seconds_of(Client(EMPTY, wait_s=0.03), 5) < 0.25


async def test_other_requests_pass():
    """Heartbeats and metadata have nothing to do with it."""
    assert await seconds_of(Client(EMPTY), 50, request=object()) < 0.1
