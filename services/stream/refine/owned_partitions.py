"""The partitions this worker owns: their winners read back before it writes, the output watched while it does."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from aiokafka import AIOKafkaProducer

from services.contracts.codec import UndecodableRecord
from services.contracts.topics import ACTIVITIES, ACTIVITIES_RAW, INTERACTIONS
from services.runtime.bulk_read import bulk_read, partitions_of, read_consumer
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.metrics import READ_BACK_SECONDS, REFINE_REPAIRED, REFINE_STATE_BYTES, REFINE_STATE_IDS
from services.runtime.records import Record, TopicPartition
from services.stream.refine.language import Classify
from services.stream.refine.output_watch import OutputWatch
from services.stream.refine.own_output import OwnOutput
from services.stream.refine.partition_refiner import PartitionRefiner
from services.stream.refine.raw_record import ID_BYTES
from services.stream.refine.refined_record import read_refined
from services.stream.refine.repair import repair
from services.stream.refine.winners import Winners

log = logging.getLogger(__name__)


class NotReadBack(RuntimeError):
    """Records of a partition came whose state isn't here. Writing without it would let old versions win."""


class OwnedPartitions:
    """What refine knows of the partitions it is assigned. lock: held by whoever folds, writes or reads back.

    on_failure: told when watching the output ends; the worker must end too, since a zombie's records would go unnoticed.
    """

    def __init__(
        self,
        security: KafkaSecurity,
        producer: AIOKafkaProducer,
        classify: Classify,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self.lock = asyncio.Lock()
        self.read_back = False
        #: How many the topics have, once they are known.
        self.partitions = 0
        self._security = security
        self._producer = producer
        self._classify = classify
        self._on_failure = on_failure
        self._refiners: dict[int, PartitionRefiner] = {}
        self._output = OwnOutput({})
        self._watching: asyncio.Task[None] | None = None

    def refiner(self, partition: int) -> PartitionRefiner:
        """Return the refiner of a partition. Raises NotReadBack."""
        try:
            return self._refiners[partition]
        except KeyError:
            raise NotReadBack(f"partition {partition} is not read back") from None

    def discard(self, partition: int) -> None:
        """Forget a partition whose state may not be what the log says; it must be read back."""
        self._refiners.pop(partition, None)
        self._output.forget(TopicPartition(ACTIVITIES.name, partition))

    def wrote(self, partition: int, offsets: Sequence[int]) -> None:
        """Note where the output has what was just written to a partition (-1: the broker didn't tell)."""
        self._output.wrote(TopicPartition(ACTIVITIES.name, partition), offsets)

    async def settle(self, partition: int) -> None:
        """Write again what must be, before raw records that told of it are acknowledged. Called with the lock held. Raises KafkaError."""
        await self._repair(TopicPartition(ACTIVITIES.name, partition))

    async def take_over(self, assigned: frozenset[TopicPartition]) -> None:
        """Read back what the outputs of the assigned raw partitions say; call after every rebalance, before records come.

        Partitions that were here before are read on from where they were known: another worker may have had them
        meanwhile. May be cancelled at any point and called again. Raises KafkaError, and LookupError where a topic is missing.
        """
        self.read_back = False
        begin = time.monotonic()
        await self.stop_watching()
        async with self.lock:
            self.partitions = len(await partitions_of(self._security, INTERACTIONS.name))
            partitions = {tp.partition for tp in assigned if tp.topic == ACTIVITIES_RAW.name}
            for partition in self._refiners.keys() - partitions:
                self.discard(partition)
            await self._read_back(partitions)
            for partition in sorted(partitions):
                await self._repair(TopicPartition(ACTIVITIES.name, partition))
            self._count()
        self._watching = asyncio.create_task(self._watch())
        self.read_back = True
        READ_BACK_SECONDS.labels("refine").observe(time.monotonic() - begin)

    async def stop_watching(self) -> None:
        """Stop watching the outputs. Repeatable."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None

    async def _read_back(self, partitions: set[int]) -> None:
        fresh = {partition: Winners() for partition in partitions - self._refiners.keys()}
        known = {partition: self._refiners[partition].winners for partition in partitions & self._refiners.keys()}
        winners = fresh | known

        def take(tp: TopicPartition, records: Sequence[Record]) -> None:
            observe(winners[tp.partition], records)

        outputs = [TopicPartition(ACTIVITIES.name, partition) for partition in partitions]
        ends = await bulk_read(self._security, outputs, take, start=self._output.positions)
        await self._forget_foreign_offsets(winners)
        self._output = OwnOutput(ends)
        self._refiners |= {partition: PartitionRefiner(state, self._classify) for partition, state in fresh.items()}

    async def _forget_foreign_offsets(self, winners: Mapping[int, Winners]) -> None:
        """Don't skip by offsets that the raw topic never had: it was made anew, and its records would be lost."""
        consumer = read_consumer(self._security, "refine-raw-ends")
        await consumer.start()
        try:
            raw = {TopicPartition(ACTIVITIES_RAW.name, partition): state for partition, state in winners.items()}
            ends = await consumer.end_offsets([*raw]) if raw else {}
        finally:
            await consumer.stop()
        for tp, state in raw.items():
            if state.folded_to >= ends[tp]:
                log.warning("the raw topic is younger than its output", extra={"partition": tp.partition})
                state.folded_to = -1

    async def _watch(self) -> None:
        if not self._output.positions:
            return
        try:
            await OutputWatch(self._security, self._output.positions, self._look_at).run()
        except Exception as error:  # noqa: BLE001 - whatever ended it, nobody watches the output any more
            self._on_failure(error)

    async def _look_at(self, ends: Mapping[TopicPartition, int]) -> None:
        """Read what others have written below ends, and write again what they hide. Raises KafkaError."""
        # With the lock nothing that this worker writes is on its way: what isn't accounted for is somebody else's.
        async with self.lock:
            unknown = self._output.unknown(ends)
            if unknown:
                await self._read_unknown(unknown)
            for partition in self._refiners:
                await self._repair(TopicPartition(ACTIVITIES.name, partition))
            self._count()

    async def _read_unknown(self, positions: Mapping[TopicPartition, int]) -> None:
        def take(tp: TopicPartition, records: Sequence[Record]) -> None:
            observe(self._refiners[tp.partition].winners, records, beside=True)

        for tp, end in (await bulk_read(self._security, [*positions], take, start=positions)).items():
            self._output.read(tp, end)

    async def _repair(self, output: TopicPartition) -> None:
        winners = self.refiner(output.partition).winners
        if winners.unsettled:
            repaired = await repair(self._security, self._producer, output, winners, self.partitions)
            REFINE_REPAIRED.inc(repaired)
            log.warning("another writer was here", extra={"partition": output.partition, "repaired": repaired})

    def _count(self) -> None:
        tables = [refiner.winners.table for refiner in self._refiners.values()]
        REFINE_STATE_IDS.set(sum(map(len, tables)))
        REFINE_STATE_BYTES.set(sum(table.nbytes for table in tables))


def observe(winners: Winners, records: Sequence[Record], *, beside: bool = False) -> None:
    """Let winners observe records of the output. What can't be read is left out: it hides nothing that a reader could show.

    beside: they were written while this worker wrote, too.
    """
    for record in records:
        try:
            key = bytes.fromhex((record.key or b"").decode())
            known = len(key) == ID_BYTES and winners.knows(key, record.offset)
            observed = None if known else read_refined(record)
        except (UndecodableRecord, ValueError) as error:
            log.error(  # noqa: TRY400 - where it is says all
                "an unreadable record in refine's own output",
                extra={"partition": record.partition, "offset": record.offset, "error": type(error).__name__},
            )
            continue
        if observed is not None:
            winners.observe(observed, record.offset, beside=beside)
