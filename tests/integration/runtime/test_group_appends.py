"""Records of many callers go together; each learns where hers are."""

import asyncio

import pytest
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError

from services.runtime.bulk_read import bulk_read
from services.runtime.confirmed_sends import build_producer
from services.runtime.group_appends import GroupAppends
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Outgoing, TopicPartition
from tests.integration.runtime.kafka_steps import create

TOPIC = "group-appends"


@pytest.fixture
async def producer(own_server):
    security = KafkaSecurity(own_server.bootstrap)
    await create(security, NewTopic(TOPIC, 2, 1))
    producer = build_producer(security, "test")
    await producer.start()
    yield producer
    await producer.stop()


async def test_everybody_learns_where_her_records_are(producer, own_server):
    """Together and in order, whoever else appends at the same time, and to which partition."""
    appends = GroupAppends(producer)
    some = [
        (TopicPartition(TOPIC, caller % 2), [Outgoing(TOPIC, b"%d" % caller, b"%d" % n) for n in range(1 + caller % 4)])
        for caller in range(40)
    ]
    behind = await asyncio.gather(*(appends.append(partition, records) for partition, records in some))
    found = {}
    partitions = [TopicPartition(TOPIC, number) for number in (0, 1)]
    await bulk_read(
        KafkaSecurity(own_server.bootstrap),
        partitions,
        lambda tp, records: found.update({(tp.partition, record.offset): (record.key, record.value) for record in records}),
    )
    for (partition, records), end in zip(some, behind, strict=True):
        hers = [found[partition.partition, offset] for offset in range(end - len(records), end)]
        assert hers == [(record.key, record.value) for record in records]
    assert len(found) == sum(len(records) for _, records in some)


async def test_a_failure_is_everybodys_who_waits_and_nobodys_after(producer):
    """Who comes later is served."""
    appends = GroupAppends(producer)
    record = Outgoing(TOPIC, b"k", b"v")
    no_bytes = Outgoing(TOPIC, b"k", 7)
    outcomes = await asyncio.gather(
        appends.append(TopicPartition(TOPIC, 0), [record]),
        appends.append(TopicPartition(TOPIC, 0), [no_bytes]),
        appends.append(TopicPartition(TOPIC, 1), [record]),
        return_exceptions=True,
    )
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [True, True, False]
    assert await appends.append(TopicPartition(TOPIC, 0), [record]) > 0


async def test_a_stopped_producer_is_told(producer):
    appends = GroupAppends(producer)
    await producer.stop()
    with pytest.raises(KafkaError):
        await appends.append(TopicPartition(TOPIC, 0), [Outgoing(TOPIC, b"k", b"v")])
