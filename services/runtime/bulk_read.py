"""Reading whole partitions back, outside any consumer group, at the speed of the client."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition as ClientPartition

from services.runtime.fetch_pacing import paced
from services.runtime.kafka_security import KafkaSecurity, for_aiokafka
from services.runtime.records import Record, TopicPartition

#: Takes records of one partition, offsets rising; called from the loop and must not block it for long.
TakeRecords = Callable[[TopicPartition, Sequence[Record]], None]

# Small enough to let the loop's other work in between: a chunk costs about 15 ms.
_CHUNK = 5000


def read_consumer(security: KafkaSecurity, client_id: str, **overrides: Any) -> AIOKafkaConsumer:
    """Return a consumer (not started) without a group: it commits nothing and sees committed transactions only."""
    arguments: dict[str, Any] = {
        "client_id": client_id,
        "group_id": None,
        "enable_auto_commit": False,
        # A position that the log no longer has must be an error, never a silent jump.
        "auto_offset_reset": "none",
        "isolation_level": "read_committed",
        "max_partition_fetch_bytes": 4 * 1024 * 1024,
    }
    return paced(AIOKafkaConsumer(**for_aiokafka(security), **(arguments | overrides)))


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop consumer, also while the broker is away."""
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Nobody cancelled us: aiokafka lets the cancellation of its own waiting fetch out, before it has closed its client.
        await consumer._client.close()  # noqa: SLF001 - there is no other way to finish its stop


async def partitions_of(security: KafkaSecurity, topic: str) -> list[TopicPartition]:
    """Return the partitions of topic, in order. Raises LookupError when the broker doesn't know it."""
    consumer = read_consumer(security, f"partitions-{topic}")
    await consumer.start()
    try:
        # The consumer's own view is empty here: a broker tells a client that has just come of no topic it didn't ask for.
        everything = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - the public call gives names only
        partitions = everything.partitions_for_topic(topic)
    finally:
        await stop_consumer(consumer)
    if not partitions:
        raise LookupError(f"topic {topic} does not exist: create it with `sluice topics apply`")
    return [TopicPartition(topic, partition) for partition in sorted(partitions)]


async def bulk_read(
    security: KafkaSecurity,
    partitions: Collection[TopicPartition],
    take: TakeRecords,
    *,
    start: Mapping[TopicPartition, int] | None = None,
) -> dict[TopicPartition, int]:
    """Give take every record from start (default: the beginning) up to the end as of now; return that end.

    The returned offsets are where a follower goes on: each is behind the last record that counts, transaction markers
    and compaction gaps included. Partitions come interleaved. Raises KafkaError when the broker fails, and whatever
    take raises; then some records have been taken, and the reading is begun anew with an empty state.
    """
    if not partitions:
        return {}
    consumer = read_consumer(security, "bulk-read")
    await consumer.start()
    try:
        assigned = [ClientPartition(*tp) for tp in partitions]
        consumer.assign(assigned)
        ends: dict[Any, int] = await consumer.end_offsets(assigned)
        begins: dict[Any, int] = await consumer.beginning_offsets(assigned)
        unread = {}
        for tp in assigned:
            position = max(begins[tp], (start or {}).get(TopicPartition(*tp), 0))
            consumer.seek(tp, position)
            if position < ends[tp]:
                unread[tp] = ends[tp]
        await _drain(consumer, unread, take)
        return {TopicPartition(*tp): end for tp, end in ends.items()}
    finally:
        await stop_consumer(consumer)


async def _drain(consumer: AIOKafkaConsumer, unread: dict[Any, int], take: TakeRecords) -> None:
    while unread:
        # The short wait matters where only a transaction marker is left: the position moves, but no record comes.
        chunks = await consumer.getmany(*unread, timeout_ms=50, max_records=_CHUNK)
        for tp, records in chunks.items():
            end = unread.get(tp, 0)
            wanted = records if records[-1].offset < end else [record for record in records if record.offset < end]
            if wanted:
                take(TopicPartition(*tp), wanted)
        for tp in list(unread):
            if await consumer.position(tp) >= unread[tp]:
                del unread[tp]
                consumer.pause(tp)
        await asyncio.sleep(0)
