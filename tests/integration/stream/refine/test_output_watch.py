"""Watching how far a log goes, on a real broker that comes and goes."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import OutOfOrderSequenceNumber

from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import TopicPartition
from services.stream.refine.output_watch import OutputWatch
from tests.integration.runtime.kafka_steps import produce, until, until_saved


@asynccontextmanager
async def watching(security, partitions):
    """Watch partitions; give the ends as they were told last."""
    ends = {}

    async def take(said):
        ends.update(said)

    task = asyncio.create_task(OutputWatch(security, dict.fromkeys(partitions, 0), take).run())
    try:
        yield ends
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_ends_of_all_partitions_are_told_as_they_grow(kafka, make_topic):
    topic = await make_topic(kafka, partitions=2)
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    async with watching(kafka, [first, second]) as ends:
        await until(lambda: ends == {first: 0, second: 0})
        sent = await produce(kafka, topic, [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")])
        where = [confirmed.partition for confirmed in sent]
        await until(lambda: ends == {first: where.count(first), second: where.count(second)})


async def test_a_broker_that_is_away_for_a_while_is_asked_again(own_server, make_topic):
    """Whoever wrote meanwhile is found out as soon as it is back."""
    security = KafkaSecurity(own_server.bootstrap)
    partition = TopicPartition(await make_topic(security), 0)
    async with watching(security, [partition]) as ends:
        await produce(security, partition.topic, [b"before"])
        await until(lambda: ends == {partition: 1})
        await until_saved(own_server)
        own_server.kill()
        own_server.start()
        await produce(security, partition.topic, [b"after"])
        await until(lambda: ends == {partition: 2})


async def test_what_cannot_be_taken_ends_the_watch(kafka, make_topic):
    """Such as a winner that can't be written again: somebody must hear of it, though it is one of Kafka's errors."""
    partition = TopicPartition(await make_topic(kafka), 0)

    async def take(_ends):
        raise OutOfOrderSequenceNumber

    with pytest.raises(OutOfOrderSequenceNumber):
        await asyncio.wait_for(OutputWatch(kafka, {partition: 0}, take).run(), 30)
