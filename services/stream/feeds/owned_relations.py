"""The partitions of the relation topics that this worker owns: read back in bulk, then followed by Faust's agents."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog
from aiokafka import AIOKafkaProducer

from services.contracts.cloud_events import RELATION_OFFSET
from services.contracts.codec import UndecodableRecord
from services.contracts.relations import Relation
from services.contracts.topics import MARKERS, PREFERENCES, RELATIONS, RELATIONS_INVERSE
from services.runtime.bulk_read import bulk_read
from services.runtime.column_read import column_read
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.faust_batches import Batch
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.metrics import READ_BACK_SECONDS, READER_RECORDS
from services.runtime.record_columns import RecordColumns
from services.runtime.records import Record, TopicPartition
from services.stream.feeds.dead_letters import DeadLetters
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.intake import Intake
from services.stream.feeds.inverse_records import InverseRecords
from services.stream.feeds.positions import Positions
from services.stream.feeds.preferences import Preferences
from services.stream.feeds.relation_loading import PartitionLoading
from services.stream.feeds.relation_state import RelationState

log = structlog.get_logger()

#: The topics have the same partitions, and a partition of all of them has one owner.
TOPICS = (RELATIONS.name, RELATIONS_INVERSE.name, MARKERS.name, PREFERENCES.name)

_VERSION = RELATION_OFFSET.encode()


class OwnedRelations:
    """Keeps the relation state up to the log. positions: the next offset of every owned partition."""

    def __init__(
        self,
        security: KafkaSecurity,
        state: RelationState,
        engine: FeedEngine,
        producer: AIOKafkaProducer,
        dead_letters: DeadLetters,
    ) -> None:
        self.positions: Positions[TopicPartition] = Positions()
        self.preferences = Preferences()
        self.read_back = False
        self._security = security
        self._state = state
        self._engine = engine
        self._producer = producer
        self._dead_letters = dead_letters
        self._inverse = InverseRecords(state)
        intake = Intake(state, engine)
        self._takes = {RELATIONS.name: intake.relations, RELATIONS_INVERSE.name: intake.inverse, MARKERS.name: intake.markers}
        self._takes[PREFERENCES.name] = self.preferences.take

    async def take_over(self, assigned: frozenset[TopicPartition]) -> None:
        """Read back the partitions that are new here, read on in those that stay, and forget those that went.

        Repeatable; half a read is never seen.
        """
        partitions = {tp.partition for tp in assigned if tp.topic in TOPICS}
        self._forget(set(self._state.owned) - partitions)
        stay = partitions & set(self._state.owned)
        new = partitions - stay
        with READ_BACK_SECONDS.labels("feeds").time():
            overtaken = [*await self._read_back(new), *await self._read_on(stay)]
        await self._repeat(overtaken)
        self.read_back = True
        log.info("relations read back", partitions=len(partitions), new=len(new))

    async def take(self, batch: Batch) -> None:
        """Take a batch of one of the topics. What was read back already is only passed on, since a predecessor may not have."""
        overtaken = await self._apply(batch)
        READER_RECORDS.labels("feeds", batch.partition.topic).inc(len(batch.records))
        if batch.partition.topic == RELATIONS.name:
            await self._derive_inverse(batch.records)
        await self._repeat(overtaken)

    async def _apply(self, batch: Batch) -> list[Relation]:
        """Apply what isn't applied yet; return the overtaken edges."""
        applied = self.positions.applied.get(batch.partition, 0)
        taken = self._takes[batch.partition.topic]([record for record in batch.records if record.offset >= applied])
        for record, error in taken.poison:
            await self._dead_letters.keep(record, error)
        self.positions.set(batch.partition, max(self.positions.applied.get(batch.partition, 0), batch.next_offset))
        return taken.overtaken

    async def _read_on(self, partitions: set[int]) -> list[Relation]:
        """Read on in partitions that stay; return the overtaken edges.

        A worker that lost its place for a while doesn't know it when it is assigned the same again. Somebody else had them meanwhile, and
        what that one has committed isn't delivered here any more.
        """
        stay = [TopicPartition(topic, partition) for topic in TOPICS for partition in partitions]
        start = {tp: self.positions.applied[tp] for tp in stay}
        missed: list[Batch] = []
        ends = await bulk_read(self._security, stay, lambda tp, records: missed.append(Batch(tp, records)), start=start)
        overtaken = [relation for batch in missed for relation in await self._apply(batch)]
        for tp, end in ends.items():
            self.positions.set(tp, max(self.positions.applied[tp], end))
        return overtaken

    async def _read_back(self, partitions: set[int]) -> list[Relation]:
        """Take partitions over, each when all of it is read; return the overtaken edges."""
        loading = {partition: self._state.loading() for partition in sorted(partitions)}
        preferences: dict[int, list[Record]] = {partition: [] for partition in loading}
        poison: list[Record] = []

        def take(tp: TopicPartition, columns: RecordColumns) -> None:
            if tp.topic == PREFERENCES.name:
                preferences[tp.partition].extend(columns.record(tp, index) for index in range(len(columns.keys)))
                return
            poison.extend(columns.record(tp, index) for index in _load(loading[tp.partition], tp.topic, columns))

        ends = await column_read(self._security, [TopicPartition(topic, p) for topic in TOPICS for p in loading], take)
        for record in poison:
            await self._dead_letters.keep(record, UndecodableRecord("the key names no edge and no mark"))
        overtaken: list[Relation] = []
        for partition, loaded in loading.items():
            for bad, error in self.preferences.adopt(partition, preferences[partition]).poison:
                await self._dead_letters.keep(bad, error)
            overtaken += self._state.adopt(partition, loaded)
            for tp in (TopicPartition(topic, partition) for topic in TOPICS):
                self.positions.set(tp, ends[tp])
            # Sorting a partition takes a while.
            await asyncio.sleep(0)
        return overtaken

    async def _derive_inverse(self, records: Sequence[Record]) -> None:
        """Write the edges of records at their objects' side. Repeating it ends in the same, whoever does it and however late."""
        last = {record.key: record for record in records if record.key is not None}
        derived = [self._inverse.derived(record) for record in last.values()]
        await send_confirmed(self._producer, [outgoing for outgoing in derived if outgoing is not None])

    async def _repeat(self, overtaken: Iterable[Relation]) -> None:
        """Have the log say last what counts: compaction will keep nothing else."""
        repeated = [self._inverse.repeated(relation) for relation in dict.fromkeys(overtaken)]
        await send_confirmed(self._producer, [outgoing for outgoing in repeated if outgoing is not None])

    def _forget(self, partitions: set[int]) -> None:
        for partition in partitions:
            self._state.give_up(partition)
            self.preferences.give_up(partition)
            for topic in TOPICS:
                self.positions.applied.pop(TopicPartition(topic, partition), None)
        for user in self._engine.readers.users():
            if self._state.partition_of(user) in partitions:
                self._engine.evict(user)
        watches = self._engine.watches
        watches.end([user for user in watches.users() if self._state.partition_of(user) in partitions])


def _load(loading: PartitionLoading, topic: str, columns: RecordColumns) -> Sequence[int]:
    """Take records of one of the topics, and return the places of those that can't be understood."""
    if topic == RELATIONS.name:
        return loading.relations.take(columns)
    if topic == RELATIONS_INVERSE.name:
        return loading.inverse.take(columns, columns.leading_numbers(_VERSION))
    return loading.marks.take(columns)
