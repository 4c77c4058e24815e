import asyncio
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition as ClientPartition

from services.runtime.bulk_read import bulk_read, partitions_of, read_consumer
from services.runtime.kafka_security import for_aiokafka
from services.runtime.records import TopicPartition
from tests.integration.runtime.kafka_steps import produce, produce_transaction, values_of


class Taken:
    """Collects what is read."""

    def __init__(self):
        self.records = []

    def __call__(self, tp, records):
        """Take a chunk."""
        assert all((record.topic, record.partition) == tp for record in records)
        self.records.extend(records)


async def test_everything_up_to_now_is_read_in_order_and_the_end_is_returned(kafka, make_topic):
    """All partitions are read whole; the returned vector is where a follower goes on."""
    topic, taken = await make_topic(kafka, partitions=3), Taken()
    sent = await produce(kafka, topic, [(b"%d" % n, b"%d" % n) for n in range(1000)])
    ends = await bulk_read(kafka, await partitions_of(kafka, topic), taken)
    positions = dict.fromkeys(ends, 0)
    for record in taken.records:
        tp = TopicPartition(record.topic, record.partition)
        assert record.offset == positions[tp]
        positions[tp] += 1
    assert positions == ends
    assert sum(ends.values()) == len(sent) == 1000


async def test_the_partitions_of_a_topic_are_asked_for_by_a_client_that_knows_none(kafka, make_topic, monkeypatch):
    """A client that has just come is told of no topic by Apache Kafka, and of all by the embedded server: never rely on that."""

    def newcomer(*arguments, **options):
        consumer = read_consumer(*arguments, **options)
        start = consumer.start

        async def start_knowing_nothing():
            await start()
            monkeypatch.setattr(consumer, "partitions_for_topic", lambda topic: None)

        monkeypatch.setattr(consumer, "start", start_knowing_nothing)
        return consumer

    monkeypatch.setattr("services.runtime.bulk_read.read_consumer", newcomer)
    topic = await make_topic(kafka, partitions=3)
    assert await partitions_of(kafka, topic) == [TopicPartition(topic, number) for number in range(3)]


async def test_bulk_reading_is_fast(kafka, make_topic):
    """Reading state back costs a worker its start: two hundred thousand records within a few seconds."""
    topic, taken = await make_topic(kafka, partitions=2), Taken()
    await produce(kafka, topic, [(b"%d" % n, b"v" * 60) for n in range(200_000)])
    partitions, begin = await partitions_of(kafka, topic), time.perf_counter()
    await bulk_read(kafka, partitions, taken)
    seconds = time.perf_counter() - begin
    print(f"\nbulk read {len(taken.records) / seconds:,.0f} records/s")  # noqa: T201 - the figure is of interest
    assert len(taken.records) == 200_000
    assert seconds < 10, "a Faust table would take 25 s"


async def test_topic_that_ends_in_a_transaction_marker_or_an_aborted_record_is_read_to_its_end(kafka, make_topic):
    """The end lies behind what holds no record; the reader must arrive there all the same, and skip what was aborted."""
    topic, taken = await make_topic(kafka), Taken()
    await produce(kafka, topic, [b"a"])
    await produce_transaction(kafka, topic, [b"b"], abort=False)
    await produce_transaction(kafka, topic, [b"never"], abort=True)
    ends = await asyncio.wait_for(bulk_read(kafka, [TopicPartition(topic, 0)], taken), 20)
    assert [record.value for record in taken.records] == [b"a", b"b"]
    assert ends[TopicPartition(topic, 0)] > taken.records[-1].offset + 1


async def test_topic_whose_beginning_was_deleted_is_read_from_what_is_left(kafka, make_topic):
    """Retention moves the beginning; a start before it means: from the beginning there is."""
    topic, taken = await make_topic(kafka), Taken()
    await produce(kafka, topic, [b"%d" % n for n in range(10)])
    admin = AIOKafkaAdminClient(**for_aiokafka(kafka))
    await admin.start()
    await admin.delete_records({ClientPartition(topic, 0): RecordsToDelete(before_offset=6)})
    await admin.close()
    ends = await bulk_read(kafka, [TopicPartition(topic, 0)], taken, start={TopicPartition(topic, 0): 2})
    assert [record.offset for record in taken.records] == [6, 7, 8, 9]
    assert ends == {TopicPartition(topic, 0): 10}


async def test_reading_begins_at_the_given_offset(kafka, make_topic):
    """A checkpoint spares the part of the log before it."""
    topic, taken = await make_topic(kafka), Taken()
    await produce(kafka, topic, [b"%d" % n for n in range(10)])
    await bulk_read(kafka, [TopicPartition(topic, 0)], taken, start={TopicPartition(topic, 0): 7})
    assert [record.value for record in taken.records] == [b"7", b"8", b"9"]


async def test_empty_topic_and_no_partition_at_all_return_at_once(kafka, make_topic):
    """Nothing to read is no reason to wait."""
    topic = await make_topic(kafka, partitions=2)
    assert await asyncio.wait_for(bulk_read(kafka, [], Taken()), 5) == {}
    assert set((await asyncio.wait_for(bulk_read(kafka, await partitions_of(kafka, topic), Taken()), 5)).values()) == {0}
    assert await values_of(kafka, topic) == []


async def test_unknown_topic_is_an_error_that_says_what_to_do(kafka, unique):
    """A topic that nobody created must not look like an empty one."""
    with pytest.raises(LookupError, match="topics apply"):
        await partitions_of(kafka, f"{unique}.nobody")
