"""Steps that the tests of everything on Kafka share."""

import asyncio
import time
import uuid
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as ClientPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.confirmed_sends import build_producer, send_confirmed
from services.runtime.kafka_security import for_aiokafka
from services.runtime.records import Outgoing
from tests.cluster.kept import ON_CLUSTER


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for condition, checked often; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not reached in {seconds} s"
        await asyncio.sleep(0.01)


async def create(security, *topics: NewTopic) -> None:
    """Create topics, and wait until a client that asks is told of them: Apache Kafka's brokers hear of them from their controller."""
    admin = AIOKafkaAdminClient(**for_aiokafka(security))
    await admin.start()
    try:
        await admin.create_topics(list(topics))
    finally:
        await admin.close()
    deadline = time.monotonic() + 30
    for topic in topics:
        while not await _is_there(security, topic.name):
            assert time.monotonic() < deadline, f"{topic.name} is not there"


async def _is_there(security, name):
    try:
        return bool(await partitions_of(security, name))
    except LookupError:
        return False


async def until_saved(server) -> None:
    """Wait until what server acknowledged outlives its kill: the embedded one saves everything about once a second after a change."""
    if ON_CLUSTER:
        return
    file, now = server.data_dir / "kafka.json", time.time()
    # Twice, since a save that was under way may lack the newest; each new topic is a change that must be saved.
    for _ in range(2):
        admin = AIOKafkaAdminClient(bootstrap_servers=server.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(f"saved-{uuid.uuid4().hex}", 1, 1)])
        await admin.close()
        await until(lambda after=now: file.exists() and file.stat().st_mtime > after)
        now = file.stat().st_mtime


async def produce(security, topic, values, **producer_options):
    """Send values to topic (key None unless a pair) and return where they went."""
    producer = build_producer(security, "test-producer", **producer_options)
    await producer.start()
    try:
        pairs = [value if isinstance(value, tuple) else (None, value) for value in values]
        return await send_confirmed(producer, [Outgoing(topic, key, value) for key, value in pairs])
    finally:
        await producer.stop()


async def produce_transaction(security, topic, values, *, abort):
    """Send values in a transaction and commit or abort it: a marker, and for an abort the records, become a gap."""
    producer = build_producer(security, "test-producer", transactional_id=f"tx-{topic}")
    await producer.start()
    try:
        await producer.begin_transaction()
        await send_confirmed(producer, [Outgoing(topic, None, value, partition=0) for value in values])
        await (producer.abort_transaction() if abort else producer.commit_transaction())
    finally:
        await producer.stop()


async def committed(security, group, topic):
    """Return the group's committed positions by partition (None: nothing committed)."""
    partitions = await partitions_of(security, topic)
    consumer = AIOKafkaConsumer(**for_aiokafka(security), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        return {tp.partition: await consumer.committed(ClientPartition(*tp)) for tp in partitions}
    finally:
        await consumer.stop()


async def values_of(security, topic):
    """Return all values of topic."""
    values: list[bytes] = []
    await bulk_read(security, await partitions_of(security, topic), lambda _, records: values.extend(r.value for r in records))
    return values
