import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.cursors import Cursors
from services.ingest.delivery import Deliveries
from services.ingest.publisher import KafkaPublisher
from services.ingest.source import Mapped, SourceConfig
from services.ingest.supervisor import BackOff, FetchedSource, Supervisor, failure_of
from services.runtime.producer import KafkaAway
from tests.unit.ingest.fake_kafka import FakeKafka

FAST = BackOff(first_s=0.001, most_s=0.002)


class Scripted:
    """A connector that does one step of its script each time it is started, and notes the cursor it got."""

    kind = "rss"

    def __init__(self, *script):
        self.script = list(script)
        self.cursors = []
        self.waiting = asyncio.Event()
        self.cancelled = False

    async def run(self, config, cursor, deliver, http):
        self.cursors.append(dict(cursor))
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        if step is not None:
            await deliver(Mapped(), step)
            return
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True


async def supervised(kafka, **connectors):
    cursors = Cursors(kafka, {}, lambda: 1000)
    sources = [FetchedSource(SourceConfig(id=name, kind="rss"), connector) for name, connector in connectors.items()]
    supervisor = Supervisor(sources, Deliveries(KafkaPublisher(kafka), cursors, lambda: 1000), cursors, None, back_off=FAST)
    task = asyncio.create_task(supervisor.run())
    async with asyncio.timeout(10):
        for connector in connectors.values():
            await connector.waiting.wait()
    return task, cursors


async def stopped(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_source_that_fails_goes_on_from_its_stored_cursor_and_leaves_the_others_alone():
    kafka = FakeKafka()
    failing, quiet = Scripted({"since": 5}, ValueError("somebody's words"), {"since": 6}), Scripted()
    task, cursors = await supervised(kafka, failing=failing, quiet=quiet)
    assert failing.cursors == [{}, {"since": 5}, {"since": 5}, {"since": 6}]
    assert len(quiet.cursors) == 1
    failures = [cursors.state("failing").failure, cursors.state("quiet").failure]
    assert failures == ["ended", ""]
    assert all(b"somebody" not in kept.record.value for kept in kafka.states)
    await stopped(task)


async def test_a_ledger_that_cannot_be_written_stops_no_source():
    kafka = FakeKafka()
    kafka.away = True
    connector = Scripted(KafkaAway("away"), OSError("away"))
    task, _ = await supervised(kafka, only=connector)
    assert len(connector.cursors) == 3
    await stopped(task)


async def test_stopping_cancels_every_source():
    first, second = Scripted(), Scripted()
    task, _ = await supervised(FakeKafka(), first=first, second=second)
    await stopped(task)
    assert first.cancelled
    assert second.cancelled


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.floats(0, 3600))
def test_pauses_grow_to_a_bound_and_respect_what_the_other_side_asks(failures, chance, asked):
    back_off = BackOff(first_s=1.0, most_s=300.0)
    pause = back_off.pause(failures, chance, asked)
    assert pause >= asked
    assert 0.5 <= back_off.pause(failures, chance) <= 300.0
    assert back_off.pause(1, chance) < 1.01


def test_a_failure_is_written_down_without_anybodys_words():
    """UnicodeDecodeError and HTTP errors have a `reason` that quotes the other side."""
    assert failure_of(UnicodeDecodeError("utf-8", b"secret", 0, 1, "secret words")) == "UnicodeDecodeError"
    assert failure_of(KafkaAway("text")) == "KAFKA_UNAVAILABLE"
    assert failure_of(None) == "ended"
