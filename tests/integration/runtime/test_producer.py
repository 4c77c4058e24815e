import asyncio
import time
from collections import Counter

import pytest
from aiokafka.admin import NewTopic

from services.contracts.partitions import key_partitioner, partition_of
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.embedded import free_port
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.producer import AcknowledgedProducer, KafkaAway, RecordMetadata, RecordRefused
from services.runtime.records import Outgoing
from tests.integration.runtime.kafka_steps import create, until, values_of

LOG_APPEND = {"message.timestamp.type": "LogAppendTime"}


@pytest.fixture
async def started(kafka):
    """Return what starts producers; they are closed at the end."""
    producers = []

    async def start(*topics, security=kafka, **options):
        producer = AcknowledgedProducer(security, "test-ingest", key_partitioner, **options)
        producers.append(producer)
        await producer.start(topics)
        return producer

    yield start
    for producer in producers:
        await producer.close()


async def read(security, topic):
    """Return all records of topic by (partition, offset)."""
    records = {}

    def take(partition, found):
        records.update({(partition.partition, record.offset): record for record in found})

    await bulk_read(security, await partitions_of(security, topic), take)
    return records


async def test_what_is_acknowledged_is_where_the_answer_says(kafka, make_topic, started):
    topic = await make_topic(kafka, partitions=4, **LOG_APPEND)
    producer = await started(topic)
    headers = [("ce_id", b"1"), ("content-type", b"application/protobuf")]
    before = time.time() * 1000
    sent = await producer.send(topic, b"key", b"value", headers)
    assert sent.partition == partition_of(b"key", 4)
    record = (await read(kafka, topic))[sent.partition, sent.offset]
    assert (record.key, record.value, list(record.headers)) == (b"key", b"value", headers)
    assert record.timestamp == sent.timestamp
    assert before - 1000 < sent.timestamp < time.time() * 1000 + 1000


async def test_many_are_answered_in_their_order_and_keep_it_in_the_log(kafka, make_topic, started):
    topic = await make_topic(kafka, partitions=3)
    producer = await started(topic)
    records = [Outgoing(topic, b"k%d" % (number % 50), b"v%d" % number) for number in range(5000)]
    answers = await producer.send_many(records)
    found = await read(kafka, topic)
    assert len(found) == 5000
    assert all(found[a.partition, a.offset].value == record.value for a, record in zip(answers, records, strict=True))
    for key in {record.key for record in records}:
        offsets = [answer.offset for answer, record in zip(answers, records, strict=True) if record.key == key]
        assert offsets == sorted(offsets)


async def test_a_named_partition_is_used_and_none_is_a_tombstone(kafka, make_topic, started):
    topic = await make_topic(kafka, partitions=4)
    producer = await started(topic)
    sent = await producer.send(topic, b"key", None, partition=2)
    assert sent.partition == 2
    assert (await read(kafka, topic))[2, sent.offset].value is None


async def test_more_than_may_be_in_flight_waits_instead_of_growing(kafka, make_topic, started):
    topic = await make_topic(kafka)
    producer = await started(topic, max_records=10)
    highest = 0

    async def send(number):
        nonlocal highest
        await producer.send(topic, b"k", b"%d" % number)
        highest = max(highest, producer._room.records)

    await asyncio.gather(*(send(number) for number in range(500)))
    assert highest <= 10
    assert producer._room.records == 0
    assert len(await values_of(kafka, topic)) == 500


async def test_a_record_that_is_too_large_is_refused_at_once_and_the_next_one_goes(kafka, make_topic, started):
    topic = await make_topic(kafka)
    producer = await started(topic)
    with pytest.raises(RecordRefused):
        await producer.send(topic, b"k", b"x" * (3 << 20))
    await producer.send(topic, b"k", b"small")
    assert await values_of(kafka, topic) == [b"small"]


async def test_send_many_raises_after_all_fates_are_known(kafka, make_topic, started):
    topic = await make_topic(kafka)
    producer = await started(topic)
    with pytest.raises(RecordRefused):
        await producer.send_many(
            [Outgoing(topic, b"a", b"1"), Outgoing(topic, b"b", b"x" * (3 << 20)), Outgoing(topic, b"c", b"3")]
        )
    assert await values_of(kafka, topic) == [b"1", b"3"]


async def test_a_topic_that_does_not_exist_is_not_created_and_does_not_block_the_loop(kafka, unique, started):
    producer = await started(delivery_s=1.5)
    longest, last = 0.0, time.monotonic()

    async def watch():
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.005)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()

    watcher = asyncio.ensure_future(watch())
    with pytest.raises(KafkaAway):
        await producer.send(f"{unique}.none", b"k", b"v")
    watcher.cancel()
    assert longest < 0.4, "the loop stood still while kafka-python looked for the topic"
    with pytest.raises(LookupError):
        await partitions_of(kafka, f"{unique}.none")


async def test_starting_without_a_broker_says_so_in_bounded_time():
    producer = AcknowledgedProducer(KafkaSecurity(f"127.0.0.1:{free_port()}"), "test", key_partitioner, delivery_s=1)
    begun = time.monotonic()
    with pytest.raises(KafkaAway):
        await producer.start()
    assert time.monotonic() - begun < 5
    with pytest.raises(KafkaAway):
        await producer.send("t", b"k", b"v")


async def make_own_topic(security):
    """Create the topic of a server of the test's own."""
    await create(security, NewTopic("own", 2, 1))


async def test_a_dead_broker_fails_sends_in_bounded_time_and_its_return_mends_the_producer(own_server, started):
    """Nobody has to restart the producer. The embedded server is stopped, not killed: it writes to disk a little later."""
    security = KafkaSecurity(own_server.bootstrap)
    await make_own_topic(security)
    producer = await started("own", security=security, delivery_s=2)
    await producer.send_many([Outgoing("own", b"%d" % n, b"before %d" % n) for n in range(100)])
    own_server.stop()
    begun = time.monotonic()
    with pytest.raises(KafkaAway):
        await producer.send("own", b"k", b"lost or not")
    assert time.monotonic() - begun < 6
    own_server.start()
    deadline = time.monotonic() + 20
    while True:
        try:
            await producer.send("own", b"k", b"after")
            break
        except KafkaAway:
            assert time.monotonic() < deadline
    values = await values_of(security, "own")
    assert {b"before %d" % n for n in range(100)} | {b"after"} <= set(values)


async def test_records_under_way_when_the_broker_goes_all_get_a_fate_and_its_return_mends_the_producer(own_server, started):
    """kafka-python alone would leave most of them without one, and never send again."""
    security = KafkaSecurity(own_server.bootstrap)
    await make_own_topic(security)
    producer = await started("own", security=security, delivery_s=2)
    sending: list[asyncio.Task] = []

    async def keep_sending():
        while own_server.alive() or len(sending) < 200:
            sending.append(asyncio.create_task(producer.send("own", b"%d" % len(sending), b"%d" % len(sending))))
            await asyncio.sleep(0.002)

    load = asyncio.create_task(keep_sending())
    await until(lambda: any(task.done() for task in sending))
    # What it acknowledges while it ends, the embedded server loses.
    acknowledged = {b"%d" % number for number, task in enumerate(sending) if task.done()}
    await own_server.stop_async()
    await load
    async with asyncio.timeout(3 * 2):
        fates = await asyncio.gather(*sending, return_exceptions=True)
    assert {type(fate) for fate in fates} == {RecordMetadata, KafkaAway}
    await own_server.start_async()
    deadline = time.monotonic() + 20
    while True:
        try:
            await producer.send("own", b"k", b"after")
            break
        except KafkaAway:
            assert time.monotonic() < deadline
    assert acknowledged | {b"after"} <= set(await values_of(security, "own"))


async def test_records_sent_while_the_broker_restarts_arrive_and_only_those_told_to_be_sent_again_twice(own_server, started):
    """Retries within the delivery time are idempotent; where the broker forgot the sequence, the sender is told.

    What the embedded server acknowledges between its last write and its end is not looked at: it loses that, see embedded.py.
    """
    security = KafkaSecurity(own_server.bootstrap)
    await make_own_topic(security)
    producer = await started("own", security=security, delivery_s=20)
    stop, sent, again = asyncio.Event(), [], set()

    async def send_all():
        while not stop.is_set():
            values = [b"%d" % n for n in range(len(sent), len(sent) + 20)]
            try:
                await producer.send_many([Outgoing("own", value, value) for value in values])
            except KafkaAway:
                again.update(values)
                continue
            sent.extend(values)

    sending = asyncio.ensure_future(send_all())
    await until(lambda: len(sent) >= 200)
    before = len(sent)
    await own_server.stop_async()
    ended = len(sent) + 20
    own_server.start()
    reached = len(sent) + 200
    await until(lambda: len(sent) >= reached or sending.done(), 30)
    stop.set()
    await sending
    found = Counter(await values_of(security, "own"))
    assert set(sent[:before] + sent[ended:]) <= set(found) <= set(sent) | again
    assert {value for value, times in found.items() if times > 1} <= again


async def test_closing_waits_for_what_was_sent(kafka, make_topic):
    topic = await make_topic(kafka)
    producer = AcknowledgedProducer(kafka, "test", key_partitioner)
    await producer.start([topic])
    sends = [asyncio.ensure_future(producer.send(topic, b"k", b"%d" % n)) for n in range(300)]
    await asyncio.sleep(0)
    await producer.close()
    await producer.close()
    assert len(await asyncio.gather(*sends)) == 300
