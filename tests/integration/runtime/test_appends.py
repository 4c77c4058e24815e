"""Appending to one partition in whole batches: what returns is where the broker has each record."""

import pytest
from aiokafka.errors import KafkaError, ProducerClosed

from services.runtime.appends import append_confirmed
from services.runtime.bulk_read import bulk_read
from services.runtime.confirmed_sends import build_producer
from services.runtime.records import Outgoing, TopicPartition
from tests.integration.runtime.kafka_steps import produce


@pytest.fixture
async def producer(kafka):
    """A producer whose batches hold little, so that many are needed."""
    producer = build_producer(kafka, "test-appends", max_batch_size=2_000)
    await producer.start()
    yield producer
    await producer.stop()


def outgoing(number, *, size=100):
    return Outgoing("", b"k%d" % number, b"v" * size, [("n", b"%d" % number)])


async def read(kafka, tp):
    records = []
    await bulk_read(kafka, [tp], lambda _, chunk: records.extend(chunk))
    return records


async def test_records_keep_their_order_over_many_batches_and_lie_where_it_says(kafka, make_topic, producer):
    tp = TopicPartition(await make_topic(kafka, partitions=3), 1)
    sizes = [100] * 50 + [5_000] + [100] * 50
    offsets = await append_confirmed(producer, tp, [outgoing(n, size=size) for n, size in enumerate(sizes)])
    records = await read(kafka, tp)
    assert [record.offset for record in records] == offsets
    assert [(r.key, len(r.value), list(r.headers)) for r in records] == [
        (b"k%d" % n, size, [("n", b"%d" % n)]) for n, size in enumerate(sizes)
    ]


async def test_offsets_are_right_beside_another_writer(kafka, make_topic, producer):
    tp = TopicPartition(await make_topic(kafka), 0)
    await produce(kafka, tp.topic, [b"before"])
    first = await append_confirmed(producer, tp, map(outgoing, range(30)))
    await produce(kafka, tp.topic, [b"between"])
    second = await append_confirmed(producer, tp, map(outgoing, range(30, 60)))
    records = {record.offset: record for record in await read(kafka, tp)}
    assert [records[offset].key for offset in first + second] == [b"k%d" % n for n in range(60)]


async def test_nothing_is_appended_for_nothing(kafka, make_topic, producer):
    tp = TopicPartition(await make_topic(kafka), 0)
    assert await append_confirmed(producer, tp, []) == []
    assert await read(kafka, tp) == []


async def test_what_the_broker_refuses_is_raised(kafka, make_topic, producer):
    """The whole call fails, so that its caller sends again or stops; it never returns as if all were there."""
    tp = TopicPartition(await make_topic(kafka, **{"max.message.bytes": "1000"}), 0)
    noise = Outgoing("", b"large", bytes(n * n % 251 for n in range(100_000)), [])
    with pytest.raises(KafkaError):
        await append_confirmed(producer, tp, [outgoing(1), noise, outgoing(2)])


async def test_a_producer_that_is_stopped_says_so_at_once(kafka, make_topic):
    producer = build_producer(kafka, "test-appends")
    await producer.start()
    await producer.stop()
    with pytest.raises(ProducerClosed):
        await append_confirmed(producer, TopicPartition(await make_topic(kafka), 0), [outgoing(1)])
