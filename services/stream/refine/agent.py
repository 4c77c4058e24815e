"""The edge of refine: batches of raw records in, confirmed refined records and dead letters out."""

import logging
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from services.contracts.cloud_events import attempts_of, dead_letter
from services.contracts.topics import ACTIVITIES, REFINE_DLQ
from services.runtime.appends import append_confirmed
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.faust_batches import Batch
from services.runtime.kept_records import kept
from services.runtime.metrics import DEAD_LETTERS, READER_BATCH, REFINE_OUTCOMES, REFINE_SECONDS
from services.runtime.records import Outgoing, Record, TopicPartition
from services.stream.refine.interaction_appends import append_interactions
from services.stream.refine.owned_partitions import OwnedPartitions
from services.stream.refine.partition_refiner import PartitionRefiner
from services.stream.refine.refusals import UNREFINABLE, Refused

log = logging.getLogger(__name__)

# Between slices the loop does its other work; a slice takes about 50 ms.
SLICE = 400


class RefineAgent:
    """Handles batches of `sluice.activities.raw.v1`. Returning acknowledges: all that came of the batch is in the log."""

    def __init__(self, producer: AIOKafkaProducer, owned: OwnedPartitions) -> None:
        self._producer = producer
        self._owned = owned

    async def __call__(self, batch: Batch) -> None:
        """Refine a batch. Raises KafkaError and NotReadBack, with the batch unacknowledged and the partition's state discarded."""
        READER_BATCH.labels("refine").observe(len(batch.records))
        partition = batch.partition.partition
        async with self._owned.lock:
            refiner = self._owned.refiner(partition)
            try:
                for start in range(0, len(batch.records), SLICE):
                    await self._slice(refiner, partition, batch.records[start : start + SLICE])
                await self._owned.settle(partition)
            except BaseException:
                # Some winners may be written and not confirmed, some counted and not written.
                self._owned.discard(partition)
                raise

    async def _slice(self, refiner: PartitionRefiner, partition: int, records: Sequence[Record]) -> None:
        begin = time.perf_counter()
        taken = refiner.take(records)
        REFINE_SECONDS.observe((time.perf_counter() - begin) / len(records))
        # Dead letters are confirmed first: a refined record in the log says that all raw records before it are dealt with.
        for record, error in taken.refused:
            await self._dead_letter(record, error)
        # So are interactions: see `interaction_records`.
        await append_interactions(self._producer, taken.interactions, self._owned.partitions)
        offsets = await append_confirmed(self._producer, TopicPartition(ACTIVITIES.name, partition), taken.emissions)
        for emission, offset in zip(taken.emissions, offsets, strict=True):
            refiner.winners.confirm(emission.id_bytes, emission.folded, offset)
        self._owned.wrote(partition, offsets)
        for outcome, count in taken.outcomes.items():
            REFINE_OUTCOMES.labels(outcome).inc(count)

    async def _dead_letter(self, record: Record, error: Exception) -> None:
        """Keep the record's bytes. The detail of an unforeseen error is its type: its text might quote content."""
        refused = error if isinstance(error, Refused) else Refused(UNREFINABLE, type(error).__name__)
        origin = f"{record.topic}/{record.partition}/{record.offset}"
        letter = kept(record)
        attempts = attempts_of(record.headers)
        headers = dead_letter(reason=refused.reason, detail=f"{refused}{letter.note}", origin=origin, attempts=attempts)
        await send_confirmed(self._producer, [Outgoing(REFINE_DLQ.name, letter.key, letter.value, headers)])
        DEAD_LETTERS.labels("refine", refused.reason).inc()
        log.warning("dead letter", extra={"reason": refused.reason, "origin": origin})
