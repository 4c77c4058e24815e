"""Columns are read back as bulk_read reads records: the same, on the embedded server and on Apache Kafka."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition as ClientPartition

from services.runtime import column_read as module
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.column_read import column_read
from services.runtime.kafka_security import for_aiokafka
from services.runtime.records import TopicPartition
from tests.integration.runtime.kafka_steps import produce, produce_transaction


class Taken:
    """Collects what is read."""

    def __init__(self):
        self.records = []

    def __call__(self, tp, columns):
        """Take a chunk."""
        self.records.extend(columns.record(tp, index) for index in range(len(columns)))

    def told(self):
        return {(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in self.records}


async def test_columns_are_what_bulk_read_reads(kafka, make_topic):
    """All partitions, tombstones included, up to the same end."""
    topic, taken, records = await make_topic(kafka, partitions=3), Taken(), Taken()
    await produce(kafka, topic, [(b"%d" % n, b"%d" % n if n % 7 else None) for n in range(20_000)])
    partitions = await partitions_of(kafka, topic)
    ends = await column_read(kafka, partitions, taken)
    assert ends == await bulk_read(kafka, partitions, lambda _, chunk: records.records.extend(chunk))
    assert sum(ends.values()) == len(taken.records) == 20_000
    assert taken.told() == records.told()
    for tp in partitions:
        offsets = [record.offset for record in taken.records if record.partition == tp.partition]
        assert offsets == sorted(offsets)


async def test_a_topic_that_ends_in_a_transaction_marker_or_an_aborted_record_is_read_to_its_end(kafka, make_topic):
    """The end lies behind what holds no record; the reader must arrive there all the same, and skip what was aborted."""
    topic, taken = await make_topic(kafka), Taken()
    await produce(kafka, topic, [b"a"])
    await produce_transaction(kafka, topic, [b"never"], abort=True)
    await produce_transaction(kafka, topic, [b"b"], abort=False)
    await produce_transaction(kafka, topic, [b"never either"], abort=True)
    ends = await asyncio.wait_for(column_read(kafka, [TopicPartition(topic, 0)], taken), 20)
    assert [record.value for record in taken.records] == [b"a", b"b"]
    assert ends[TopicPartition(topic, 0)] > taken.records[-1].offset + 1


async def test_a_topic_whose_beginning_was_deleted_is_read_from_what_is_left(kafka, make_topic):
    """The first batch may hold records from before the beginning."""
    topic, taken = await make_topic(kafka), Taken()
    await produce(kafka, topic, [b"%d" % n for n in range(10)])
    admin = AIOKafkaAdminClient(**for_aiokafka(kafka))
    await admin.start()
    await admin.delete_records({ClientPartition(topic, 0): RecordsToDelete(before_offset=6)})
    await admin.close()
    ends = await column_read(kafka, [TopicPartition(topic, 0)], taken)
    assert [record.offset for record in taken.records] == [6, 7, 8, 9]
    assert ends == {TopicPartition(topic, 0): 10}


async def test_an_empty_topic_and_no_partition_at_all_return_at_once(kafka, make_topic):
    """Nothing to read is no reason to wait."""
    topic = await make_topic(kafka, partitions=2)
    assert await asyncio.wait_for(column_read(kafka, [], Taken()), 5) == {}
    assert set((await asyncio.wait_for(column_read(kafka, await partitions_of(kafka, topic), Taken()), 5)).values()) == {0}


async def test_what_take_raises_ends_the_reading(kafka, make_topic):
    """Half a state must not pass for a whole one."""
    topic = await make_topic(kafka)
    await produce(kafka, topic, [b"a"])

    def refuse(_tp, _columns):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(column_read(kafka, [TopicPartition(topic, 0)], refuse), 20)


async def test_a_leader_that_is_away_for_a_moment_is_asked_again(kafka, make_topic, monkeypatch):
    """Taking over while a broker restarts costs time, not the worker; a refusal that stays is raised."""
    topic, taken, asked = await make_topic(kafka), Taken(), []
    await produce(kafka, topic, [b"a"])
    parts = module._parts

    def failing(response):
        asked.append(response)
        if len(asked) < 3:
            raise KafkaErrorThatPasses
        return parts(response)

    monkeypatch.setattr(module, "_parts", failing)
    await asyncio.wait_for(column_read(kafka, [TopicPartition(topic, 0)], taken), 20)
    assert [record.value for record in taken.records] == [b"a"]
    asked.clear()
    monkeypatch.setattr(KafkaErrorThatPasses, "invalid_metadata", False)
    with pytest.raises(KafkaErrorThatPasses):
        await asyncio.wait_for(column_read(kafka, [TopicPartition(topic, 0)], taken), 20)


class KafkaErrorThatPasses(KafkaError):
    """What a broker says that has just lost a partition."""

    invalid_metadata = True
