"""Writing winners again that a zombie's record hides: see `winners`."""

import logging
from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition as ClientPartition
from sluice.activity.v1 import activity_pb2 as pb

from services.runtime.bulk_read import read_consumer
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Outgoing, Record, TopicPartition
from services.stream.refine.interaction_appends import append_interactions
from services.stream.refine.interaction_records import interaction_records
from services.stream.refine.winners import Winners

log = logging.getLogger(__name__)

_READ_MS = 10_000


async def repair(
    security: KafkaSecurity, producer: AIOKafkaProducer, partition: TopicPartition, winners: Winners, partitions: int
) -> int:
    """Append the winner of every unsettled key again; return how many there were. Raises KafkaError: try again.

    Before that, what it is on is said again, and what only the hidden records were on is taken back. partitions: of the topic.

    A winner that the log no longer has can't be repaired. It was compacted away behind a losing record, which takes longer than
    the topic's min.compaction.lag: then the log's word counts, and the key is logged.
    """
    wanted = {stored.offset: key for key in winners.unsettled if (stored := winners.table.get(key))}
    repaired = 0
    async for record in records_at(security, partition, wanted):
        key = wanted.pop(record.offset)
        message = pb.Activity.FromString(record.value or b"")
        await append_interactions(producer, interaction_records(message, winners.unsettled[key]), partitions)
        sent = await send_confirmed(
            producer, [Outgoing(partition.topic, record.key, record.value, record.headers, partition.partition)]
        )
        stored = winners.table.get(key)
        if stored is not None:
            winners.confirm(key, stored, sent[0].offset)
        repaired += 1
    for key in wanted.values():
        log.error("a hidden winner is gone from the log", extra={"activity_id": key.hex()})
    winners.unsettled.clear()
    return repaired


async def records_at(security: KafkaSecurity, partition: TopicPartition, offsets: Iterable[int]) -> AsyncIterator[Record]:
    """Yield the records of a partition at offsets, in order; those that are gone are left out."""
    wanted = sorted(offsets)
    if not wanted:
        return
    client_partition = ClientPartition(*partition)
    consumer = read_consumer(security, "repair")
    await consumer.start()
    try:
        consumer.assign([client_partition])
        first = (await consumer.beginning_offsets([client_partition]))[client_partition]
        for offset in wanted:
            if offset < first:
                continue
            consumer.seek(client_partition, offset)
            records = (await consumer.getmany(timeout_ms=_READ_MS, max_records=1)).get(client_partition, [])
            if records and records[0].offset == offset:
                yield records[0]
    finally:
        await consumer.stop()
