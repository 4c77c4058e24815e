"""What was acknowledged elsewhere before a call is applied here before it is answered."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from services.contracts.errors import ServiceUnavailable
from services.runtime.records import TopicPartition
from services.stream.feeds import up_to_now
from services.stream.feeds.positions import Positions
from services.stream.feeds.up_to_now import UpToNow

HERE, ELSEWHERE, OTHER = (TopicPartition("relations", number) for number in range(3))


class Broker:
    """The log's ends, and the questions that were asked; an answer comes when the test lets it."""

    def __init__(self):
        self.ends = {HERE: 5, ELSEWHERE: 9, OTHER: 2}
        self.questions = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.error = None

    async def ask(self, partitions):
        self.questions.append(set(partitions))
        ends = dict(self.ends)
        await self.answering.wait()
        if self.error:
            raise self.error
        return ends


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def positions():
    positions = Positions()
    positions.set(HERE, 5)
    positions.set(OTHER, 2)
    return positions


@pytest.fixture
def barrier(broker, positions):
    return UpToNow(broker.ask, [positions])


async def settled():
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_is_applied_is_not_waited_for(barrier):
    await asyncio.wait_for(barrier.wait([HERE]), 5)


async def test_what_the_log_has_is_waited_for(barrier, broker, positions):
    """And nothing that comes after the question."""
    broker.ends[HERE] = 7
    waiting = asyncio.ensure_future(barrier.wait([HERE]))
    await settled()
    broker.ends[HERE] = 100
    positions.set(HERE, 6)
    await settled()
    assert not waiting.done()
    positions.set(HERE, 7)
    await asyncio.wait_for(waiting, 5)


async def test_a_partition_that_is_followed_elsewhere_is_not_waited_for(barrier):
    await asyncio.wait_for(barrier.wait([ELSEWHERE, HERE]), 5)


async def test_who_comes_while_a_question_is_under_way_waits_for_the_next(barrier, broker):
    """Its answer may be older than what the newcomer was told; one next question serves all of them."""
    broker.answering.clear()
    first = asyncio.ensure_future(barrier.wait([HERE]))
    await settled()
    later = [asyncio.ensure_future(barrier.wait([tp])) for tp in (HERE, OTHER, OTHER)]
    await settled()
    assert broker.questions == [{HERE}]
    broker.answering.set()
    await asyncio.wait_for(asyncio.gather(first, *later), 5)
    assert broker.questions == [{HERE}, {HERE, OTHER}]


async def test_a_caller_who_leaves_takes_nobodys_answer_away(barrier, broker):
    broker.answering.clear()
    leaving, staying = (asyncio.ensure_future(barrier.wait([HERE])) for _ in range(2))
    await settled()
    leaving.cancel()
    await settled()
    broker.answering.set()
    await asyncio.wait_for(staying, 5)


@pytest.mark.parametrize("error", [KafkaConnectionError("away"), TimeoutError(), OSError("gone")])
async def test_brokers_that_dont_answer_make_it_unavailable_and_are_asked_again(barrier, broker, error):
    broker.error = error
    with pytest.raises(ServiceUnavailable):
        await barrier.wait([HERE])
    broker.error = None
    await asyncio.wait_for(barrier.wait([HERE]), 5)


async def test_what_is_not_applied_in_time_makes_it_unavailable(barrier, broker, monkeypatch):
    monkeypatch.setattr(up_to_now, "_SECONDS", 0.01)
    broker.ends[HERE] = 6
    with pytest.raises(ServiceUnavailable):
        await barrier.wait([HERE])
