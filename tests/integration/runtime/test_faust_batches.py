import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import KafkaConnectionError

from services.runtime.bulk_read import bulk_read
from services.runtime.confirmed_sends import build_producer, send_confirmed
from services.runtime.faust_app import after_rebalance, build_app
from services.runtime.faust_batches import add_batch_agent
from services.runtime.faust_worker import FaustWorker
from services.runtime.records import Outgoing
from tests.integration.runtime.kafka_steps import committed, produce, produce_transaction, until, values_of


@asynccontextmanager
async def running(settings, topic, handle):
    """Run a worker with one batch agent; stop it gracefully at the end."""
    worker = FaustWorker(build_app(settings))
    add_batch_agent(worker.app, topic, handle, worker.fail)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


def begin_rebalance(app):
    """Make the worker join its group again, as it would when another member comes or goes."""
    thread = app.consumer._thread
    thread.thread_loop.call_soon_threadsafe(thread._consumer._coordinator.request_rejoin)


class Seen:
    """Remembers the records of the batches it handled."""

    def __init__(self):
        self.records = []
        self.batches = 0

    async def __call__(self, batch):
        """Handle a batch."""
        self.batches += 1
        self.records.extend(batch.records)

    @property
    def values(self):
        """The values in the order they came."""
        return [record.value for record in self.records]


async def records_per_second_one_by_one(settings, topic, count):
    """Run a plain Faust agent over count records."""
    worker = FaustWorker(build_app(settings))
    seen, begin = 0, 0.0

    async def agent(stream):
        nonlocal seen, begin
        async for _ in stream:
            begin = begin or time.perf_counter()
            seen += 1

    worker.app.agent(worker.app.topic(topic, value_type=bytes), name="plain")(agent)
    await worker.start()
    await until(lambda: seen >= count, 60)
    rate = count / (time.perf_counter() - begin)
    await worker.stop()
    return rate


async def test_batches_are_at_least_five_times_faster_than_records(kafka, make_topic, faust_settings, unique):
    """Batching exists for speed: the same topic, the same agent framework, at least five times the rate."""
    topic, count, plain = await make_topic(kafka, partitions=2), 100_000, 10_000
    await produce(kafka, topic, [(b"%d" % n, b"v" * 150) for n in range(count)])
    one_by_one = await records_per_second_one_by_one(
        faust_settings(app_id=f"{unique}-plain", buffered_chunks=4096, commit_every=10_000), topic, plain
    )
    seen, begin = Seen(), 0.0

    async def handle(batch):
        nonlocal begin
        begin = begin or time.perf_counter()
        await seen(batch)

    async with running(faust_settings(topic), topic, handle):
        await until(lambda: len(seen.records) >= count, 60)
        batched = count / (time.perf_counter() - begin)
    print(f"\nbatched {batched:,.0f} records/s, one by one {one_by_one:,.0f} records/s, {batched / one_by_one:.0f} times")  # noqa: T201 - the figures are of interest
    assert batched >= 5 * one_by_one


async def test_restart_goes_on_where_the_last_worker_stopped(kafka, make_topic, faust_settings):
    """A graceful stop commits all that was handled, from offset 0 on, so that a restart sees only what is new."""
    topic = await make_topic(kafka)
    await produce(kafka, topic, [b"%d" % n for n in range(10)])
    settings, first, second = faust_settings(topic), Seen(), Seen()
    async with running(settings, topic, first):
        await until(lambda: len(first.records) == 10)
    assert await committed(kafka, settings.app_id, topic) == {0: 10}

    await produce(kafka, topic, [b"new"])
    async with running(settings, topic, second):
        await until(lambda: second.records)
    assert second.values == [b"new"]
    assert await committed(kafka, settings.app_id, topic) == {0: 11}


async def test_single_record_at_offset_zero_does_not_stop_later_commits(kafka, make_topic, faust_settings):
    """A first chunk that ends at offset 0 (falsy in Python) must not keep what follows from being committed."""
    topic, seen = await make_topic(kafka), Seen()
    await produce(kafka, topic, [b"a"])
    settings = faust_settings(topic)
    async with running(settings, topic, seen):
        await until(lambda: len(seen.records) == 1)
        await produce(kafka, topic, [b"%d" % n for n in range(50)])
        await until(lambda: len(seen.records) == 51)
    assert await committed(kafka, settings.app_id, topic) == {0: 51}


async def test_commits_while_running_and_not_only_at_the_end(kafka, make_topic, faust_settings):
    """A killed worker repeats little: finished batches are committed within the interval."""
    topic, seen = await make_topic(kafka), Seen()
    await produce(kafka, topic, [b"%d" % n for n in range(100)])
    settings = faust_settings(topic, commit_seconds=0.2)
    async with running(settings, topic, seen):
        await until(lambda: len(seen.records) == 100)
        deadline = time.monotonic() + 10
        while await committed(kafka, settings.app_id, topic) != {0: 100}:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_gaps_in_the_offsets_do_not_hold_the_commit_back(kafka, make_topic, faust_settings):
    """Markers of transactions leave gaps, at the beginning of a partition and within a chunk; commits pass them."""
    topic, seen = await make_topic(kafka), Seen()
    await produce_transaction(kafka, topic, [b"t0", b"t1"], abort=False)
    await produce_transaction(kafka, topic, [b"t2"], abort=True)
    await produce(kafka, topic, [b"a", b"b"])
    settings = faust_settings(topic)
    async with running(settings, topic, seen):
        await until(lambda: b"b" in seen.values)
        await produce_transaction(kafka, topic, [b"t3"], abort=False)
        await produce(kafka, topic, [b"c"])
        await until(lambda: b"c" in seen.values)
    last = seen.records[-1].offset
    assert last > len(seen.records), "the test needs gaps"
    assert await committed(kafka, settings.app_id, topic) == {0: last + 1}


async def test_small_chunks_of_many_partitions_commit_every_partition_to_its_end(kafka, make_topic, faust_settings):
    """Whatever the size of chunks and the interleaving of partitions, all is seen once, in order, and committed."""
    topic, seen = await make_topic(kafka, partitions=4), Seen()
    await produce(kafka, topic, [(b"%d" % n, b"%d" % n) for n in range(3000)])
    settings = faust_settings(topic, max_poll_records=37, commit_every=2, buffered_chunks=4)
    async with running(settings, topic, seen):
        await until(lambda: len(seen.records) >= 3000)
    ends = {}
    for record in seen.records:
        assert record.offset == ends.get(record.partition, 0), "a partition's records come in order and once"
        ends[record.partition] = record.offset + 1
    assert seen.batches > 3000 / 37
    assert await committed(kafka, settings.app_id, topic) == ends


async def test_failure_of_the_infrastructure_stops_the_worker_and_loses_nothing(kafka, make_topic, faust_settings):
    """The batch whose handler raised is neither committed nor overtaken; the next worker reads it again."""
    topic, done, again = await make_topic(kafka), [], Seen()
    await produce(kafka, topic, [b"%d" % n for n in range(30)])
    settings = faust_settings(topic, max_poll_records=10)

    async def fail_at_the_second(batch):
        if batch.records[0].offset == 10:
            raise KafkaConnectionError("the broker is away")
        done.extend(record.value for record in batch.records)

    worker = FaustWorker(build_app(settings))
    add_batch_agent(worker.app, topic, fail_at_the_second, worker.fail)
    await worker.start()
    with pytest.raises(KafkaConnectionError):
        await asyncio.wait_for(worker.run(asyncio.Event()), 20)
    assert len(done) == 10
    assert await committed(kafka, settings.app_id, topic) == {0: 10}

    async with running(settings, topic, again):
        await until(lambda: len(again.records) == 20)
    assert again.values == [b"%d" % n for n in range(10, 30)]


async def test_what_a_batch_sends_is_in_the_log_before_the_batch_is_acknowledged(kafka, make_topic, faust_settings):
    """At every moment the committed input position is covered by the output: a crash can repeat, never lose."""
    topic, output, batches = await make_topic(kafka), await make_topic(kafka, "out"), []
    await produce(kafka, topic, [b"%d" % n for n in range(50)])
    settings = faust_settings(topic, max_poll_records=10, commit_every=1)
    producer = build_producer(kafka, "test-refine", linger_ms=200)
    await producer.start()

    async def forward(batch):
        sent = await send_confirmed(producer, [Outgoing(output, None, r.value, partition=0) for r in batch.records])
        batches.append((batch.next_offset, sent[-1].offset + 1))

    async with running(settings, topic, forward):
        await until(lambda: batches and batches[-1][0] == 50)
    await producer.stop()
    assert all(output_end >= input_end for input_end, output_end in batches)
    assert await values_of(kafka, output) == [b"%d" % n for n in range(50)]
    assert await committed(kafka, settings.app_id, topic) == {0: 50}


async def test_graceful_stop_finishes_and_commits_the_batch_in_hand(kafka, make_topic, faust_settings):
    """stop() while a handler works waits for it; its batch is committed, batches that only waited are not handled."""
    topic, begun, go_on, finished = await make_topic(kafka), asyncio.Event(), asyncio.Event(), []
    await produce(kafka, topic, [b"%d" % n for n in range(20)])
    settings = faust_settings(topic, max_poll_records=10)

    async def slow(batch):
        begun.set()
        await go_on.wait()
        finished.append(batch.next_offset)

    worker = FaustWorker(build_app(settings))
    add_batch_agent(worker.app, topic, slow, worker.fail)
    await worker.start()
    await asyncio.wait_for(begun.wait(), 20)
    stopping = asyncio.ensure_future(worker.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    go_on.set()
    await asyncio.wait_for(stopping, 10)
    assert finished == [10]
    assert await committed(kafka, settings.app_id, topic) == {0: 10}


async def test_stop_gives_up_on_a_hanging_batch_and_does_not_commit_it(kafka, make_topic, faust_settings):
    """A drain has a deadline; what was not finished by then is read again."""
    topic, begun = await make_topic(kafka), asyncio.Event()
    await produce(kafka, topic, [b"a"])

    async def hang(_batch):
        begun.set()
        await asyncio.Event().wait()

    settings = faust_settings(topic)
    worker = FaustWorker(build_app(settings), drain_seconds=0.2)
    add_batch_agent(worker.app, topic, hang, worker.fail)
    await worker.start()
    await asyncio.wait_for(begun.wait(), 20)
    await asyncio.wait_for(worker.stop(), 10)
    assert await committed(kafka, settings.app_id, topic) == {0: None}


async def test_rebalance_commits_what_was_handled_and_repeats_nothing(kafka, make_topic, faust_settings):
    """Before partitions are given away the handled batches are committed, and the batch in hand is waited for."""
    topic, seen, hold = await make_topic(kafka), Seen(), asyncio.Event()
    await produce(kafka, topic, [b"%d" % n for n in range(30)])
    settings = faust_settings(topic, max_poll_records=10, commit_seconds=1000.0, commit_every=1000)

    async def wait_in_the_second(batch):
        await seen(batch)
        if seen.batches == 2:
            await hold.wait()

    async with running(settings, topic, wait_in_the_second) as worker:
        await until(lambda: seen.batches == 2)
        begin_rebalance(worker.app)
        await until(lambda: worker.app.rebalancing)
        hold.set()
        await until(lambda: worker.ready and len(seen.records) >= 30)
    assert seen.values == [b"%d" % n for n in range(30)]
    assert await committed(kafka, settings.app_id, topic) == {0: 30}


async def test_going_back_reaches_the_beginning_of_what_was_never_committed(kafka, make_topic, faust_settings):
    """Without a committed offset the position must not stay behind records that were fetched and thrown away."""
    topic, seen = await make_topic(kafka), Seen()
    async with running(faust_settings(topic, commit_seconds=3600.0, commit_every=10_000), topic, seen) as worker:
        await produce(kafka, topic, [b"a", b"b"])
        await until(lambda: seen.values == [b"a", b"b"])
        await worker.app.consumer.perform_seek()
        await until(lambda: seen.values == [b"a", b"b", b"a", b"b"])


async def test_rebalance_does_not_wait_for_a_hanging_batch(kafka, make_topic, faust_settings):
    """The hand-over has a deadline below the session timeout; what was not finished comes again."""
    topic, seen, hold = await make_topic(kafka), Seen(), asyncio.Event()
    await produce(kafka, topic, [b"a", b"b"])

    async def hang_at_first(batch):
        await seen(batch)
        if seen.batches == 1:
            await hold.wait()

    async with running(faust_settings(topic, handover_seconds=0.2), topic, hang_at_first) as worker:
        await until(lambda: seen.batches == 1)
        count = worker.app.rebalancing_count
        begin_rebalance(worker.app)
        await until(lambda: worker.app.rebalancing_count > count and worker.ready)
        hold.set()
        await until(lambda: seen.batches == 2)
    assert seen.values == [b"a", b"b"] * 2


async def test_hook_runs_before_streams_deliver_and_learns_the_partitions(kafka, make_topic, faust_settings):
    """State is read back in the hook: no batch may come before it has returned, and start() includes it."""
    topic, events = await make_topic(kafka, partitions=2), []
    await produce(kafka, topic, [(b"%d" % n, b"v") for n in range(20)])

    async def read_back(partitions):
        ends = await bulk_read(kafka, partitions, lambda *_: None)
        events.append(("hook", sorted(tp.partition for tp in partitions), sum(ends.values())))

    async def handle(_batch):
        events.append(("batch",))

    worker = FaustWorker(build_app(faust_settings(topic)))
    after_rebalance(worker.app, read_back)
    add_batch_agent(worker.app, topic, handle, worker.fail)
    await worker.start()
    assert events[0] == ("hook", [0, 1], 20)
    await until(lambda: ("batch",) in events)
    begin_rebalance(worker.app)
    await until(lambda: len([event for event in events if event[0] == "hook"]) == 2)
    await worker.stop()


async def test_failing_hook_fails_the_start(kafka, make_topic, faust_settings):
    """A worker that could not read its state back must not serve."""
    topic = await make_topic(kafka)

    async def fail(_partitions):
        raise RuntimeError("no state")

    worker = FaustWorker(build_app(faust_settings(topic)))
    after_rebalance(worker.app, fail)
    add_batch_agent(worker.app, topic, Seen(), worker.fail)
    with pytest.raises(RuntimeError, match="no state"):
        await worker.start(timeout=20)
    assert not worker.ready


async def test_topics_that_do_not_ask_for_batches_come_record_by_record(kafka, make_topic, faust_settings):
    """One app mixes both: Faust's tables need their changelogs one record at a time."""
    batched, plain = await make_topic(kafka, "batched"), await make_topic(kafka, "plain")
    seen, singles = Seen(), []
    worker = FaustWorker(build_app(faust_settings(batched)))
    add_batch_agent(worker.app, batched, seen, worker.fail)

    async def agent(stream):
        nonlocal singles
        async for value in stream:
            singles += [value]

    worker.app.agent(worker.app.topic(plain, value_type=bytes), name="plain")(agent)
    await worker.start()
    await produce(kafka, batched, [b"1", b"2", b"3"])
    await produce(kafka, plain, [b"4", b"5", b"6"])
    await until(lambda: len(seen.records) == 3 and len(singles) == 3)
    await worker.stop()
    assert (seen.values, singles) == ([b"1", b"2", b"3"], [b"4", b"5", b"6"])
    assert await committed(kafka, worker.app.conf.id, plain) == {0: 3}
    assert await committed(kafka, worker.app.conf.id, batched) == {0: 3}
