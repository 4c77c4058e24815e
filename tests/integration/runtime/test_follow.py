import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition as ClientPartition

from services.runtime.bulk_read import bulk_read
from services.runtime.follow import Follower, OffsetGone
from services.runtime.kafka_security import KafkaSecurity, for_aiokafka
from services.runtime.records import TopicPartition
from tests.integration.runtime.kafka_steps import produce, produce_transaction, until, until_saved


@asynccontextmanager
async def following(security, positions, take):
    """Run a follower in the background."""
    follower = Follower(security, positions, take)
    task = asyncio.ensure_future(follower.run())
    try:
        yield follower
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Taken:
    """Collects what is followed, and the positions it was told."""

    def __init__(self):
        self.values = []
        self.positions = {}

    async def __call__(self, tp, records, position):
        """Take a chunk."""
        assert position == records[-1].offset + 1
        self.values.extend(record.value for record in records)
        self.positions[tp] = position


async def test_follower_goes_on_where_the_bulk_read_ended(kafka, make_topic):
    """Together they see every record exactly once."""
    topic, taken = await make_topic(kafka, partitions=2), Taken()
    await produce(kafka, topic, [(b"%d" % n, b"old") for n in range(10)])
    tps = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
    ends = await bulk_read(kafka, tps, lambda *_: None)
    async with following(kafka, ends, taken) as follower:
        await produce(kafka, topic, [(b"%d" % n, b"%d" % n) for n in range(10)])
        await until(lambda: len(taken.values) == 10)
        assert sorted(taken.values) == [b"%d" % n for n in range(10)]
        await until(lambda: sum(follower.positions.values()) == 20)
        await until(lambda: follower.lag() == 0)
        assert follower.connected


async def test_every_follower_sees_everything(kafka, make_topic):
    """Followers are no group: none takes records from another."""
    topic, first, second = await make_topic(kafka), Taken(), Taken()
    start = {TopicPartition(topic, 0): 0}
    async with following(kafka, start, first), following(kafka, start, second):
        await produce(kafka, topic, [b"a", b"b"])
        await until(lambda: first.values == second.values == [b"a", b"b"])


async def test_position_passes_markers_and_aborted_records_and_lag_returns_to_zero(kafka, make_topic):
    """A reader that waits for position >= end must not wait for a record that never comes."""
    topic, taken = await make_topic(kafka), Taken()
    tp = TopicPartition(topic, 0)
    async with following(kafka, {tp: 0}, taken) as follower:
        await produce(kafka, topic, [b"a"])
        await produce_transaction(kafka, topic, [b"never"], abort=True)
        end = (await bulk_read(kafka, [tp], lambda *_: None))[tp]
        await until(lambda: follower.positions[tp] >= end)
        assert follower.lag() == 0
    assert taken.values == [b"a"]


async def test_follower_survives_the_kill_and_return_of_the_broker(own_server, make_topic):
    """Nothing is missed and nothing repeated when the broker comes back."""
    security, taken = KafkaSecurity(own_server.bootstrap), Taken()
    topic = await make_topic(security)
    async with following(security, {TopicPartition(topic, 0): 0}, taken):
        await produce(security, topic, [b"before"])
        await until(lambda: taken.values == [b"before"])
        await until_saved(own_server)
        own_server.kill()
        own_server.start()
        await produce(security, topic, [b"after"])
        await until(lambda: b"after" in taken.values, 30)
    assert taken.values == [b"before", b"after"]


async def test_follower_waits_for_a_broker_that_is_not_there_yet(own_server, make_topic):
    """Services may start before Kafka does."""
    security, taken = KafkaSecurity(own_server.bootstrap), Taken()
    topic = await make_topic(security)
    await produce(security, topic, [b"a"])
    own_server.stop()
    async with following(security, {TopicPartition(topic, 0): 0}, taken) as follower:
        await asyncio.sleep(0)
        assert not follower.connected
        own_server.start()
        await until(lambda: taken.values == [b"a"], 30)


async def test_position_that_the_log_no_longer_has_is_an_error(kafka, make_topic):
    """Jumping silently to the beginning that is left would skip records: the state must be read anew."""
    topic = await make_topic(kafka)
    await produce(kafka, topic, [b"%d" % n for n in range(10)])
    admin = AIOKafkaAdminClient(**for_aiokafka(kafka))
    await admin.start()
    await admin.delete_records({ClientPartition(topic, 0): RecordsToDelete(before_offset=6)})
    await admin.close()
    with pytest.raises(OffsetGone):
        await asyncio.wait_for(Follower(kafka, {TopicPartition(topic, 0): 2}, Taken()).run(), 20)


async def test_error_of_the_taker_ends_the_follower_and_the_position_stays(kafka, make_topic):
    """What could not be taken is not counted as followed, whatever the type of the error."""
    topic = await make_topic(kafka)
    await produce(kafka, topic, [b"a"])
    follower = Follower(kafka, {TopicPartition(topic, 0): 0}, fail_to_take)
    with pytest.raises(OSError, match="disk"):
        await asyncio.wait_for(follower.run(), 20)
    assert follower.positions == {TopicPartition(topic, 0): 0}
    assert not follower.connected


async def fail_to_take(_tp, _records, _position):
    """Raise an error that Kafka's own client could have raised too."""
    raise OSError("disk full")
