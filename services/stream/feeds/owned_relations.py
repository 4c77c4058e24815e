"""The partitions of the relation topics that this worker owns: read back in bulk, then followed by Faust's agents."""

import time
import uuid
from collections.abc import Callable, Sequence

import structlog
from aiokafka import AIOKafkaProducer

from services.contracts.cloud_events import RELATED, cloud_event
from services.contracts.relations import relation_of_key
from services.contracts.topics import MARKERS, RELATIONS, RELATIONS_INVERSE
from services.runtime.bulk_read import bulk_read
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.faust_batches import Batch
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.metrics import READ_BACK_SECONDS, READER_RECORDS
from services.runtime.record_errors import INFRASTRUCTURE, each_record
from services.runtime.records import Outgoing, Record, TopicPartition
from services.stream.feeds.dead_letters import DeadLetters
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.intake import Intake
from services.stream.feeds.positions import Positions
from services.stream.feeds.relation_state import RelationState

log = structlog.get_logger()

#: The three topics have the same partitions, and a partition of all of them has one owner.
TOPICS = (RELATIONS.name, RELATIONS_INVERSE.name, MARKERS.name)

# A partition that isn't here is our mistake, not that of a record.
_INFRASTRUCTURE = (*INFRASTRUCTURE, KeyError)

_Take = Callable[[int, bytes, bytes | None], None]


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
        self.read_back = False
        self._security = security
        self._state = state
        self._engine = engine
        self._producer = producer
        self._dead_letters = dead_letters
        self._takes = _takes(Intake(state, engine))

    async def take_over(self, assigned: frozenset[TopicPartition]) -> None:
        """Read back the partitions that are new here and forget those that went. Repeatable; half a read is never seen."""
        partitions = {tp.partition for tp in assigned if tp.topic in TOPICS}
        self._forget(set(self._state.owned) - partitions)
        new = partitions - set(self._state.owned)
        with READ_BACK_SECONDS.labels("feeds").time():
            fresh, poison = RelationState(self._state.partitions), list[tuple[Record, Exception]]()
            for partition in new:
                fresh.take_over(partition)
            takes = _takes(Intake(fresh, self._engine))

            def take(tp: TopicPartition, records: Sequence[Record]) -> None:
                poison.extend(_applied(takes[tp.topic], records))

            ends = await bulk_read(self._security, [TopicPartition(topic, p) for topic in TOPICS for p in sorted(new)], take)
        for record, error in poison:
            await self._dead_letters.keep(record, error)
        self._state.adopt(fresh)
        for tp, end in ends.items():
            self.positions.set(tp, end)
        self.read_back = True
        log.info("relations read back", partitions=len(partitions), new=len(new))

    async def take(self, batch: Batch) -> None:
        """Take a batch of one of the topics. What was read back already is only passed on, since a predecessor may not have."""
        applied = self.positions.applied.get(batch.partition, 0)
        unapplied = [record for record in batch.records if record.offset >= applied]
        take = self._takes[batch.partition.topic]
        await each_record(unapplied, lambda record: _apply(take, record), self._dead_letters.keep, _INFRASTRUCTURE)
        self.positions.set(batch.partition, max(applied, batch.next_offset))
        READER_RECORDS.labels("feeds", batch.partition.topic).inc(len(batch.records))
        if batch.partition.topic == RELATIONS.name:
            await self._derive_inverse(batch.records)

    async def _derive_inverse(self, records: Sequence[Record]) -> None:
        """Write the edges of records at their objects' side. Repeating it ends in the same: an edge has one writer, in order."""
        last = {record.key: record for record in records if record.key is not None}
        inverse = [outgoing for record in last.values() if (outgoing := self._inverse(record)) is not None]
        await send_confirmed(self._producer, inverse)

    def _inverse(self, record: Record) -> Outgoing | None:
        try:
            relation = relation_of_key(record.key or b"")
        except ValueError:
            return None  # in the dead letter queue already
        headers = cloud_event(
            event_type=RELATED,
            event_id=uuid.uuid4().hex,
            source="feeds",
            subject=relation.subject,
            time_ms=int(time.time() * 1000),
        )
        partition = self._state.partition_of(relation.object)
        return Outgoing(RELATIONS_INVERSE.name, relation.inverse_key, record.value, headers, partition)

    def _forget(self, partitions: set[int]) -> None:
        for partition in partitions:
            self._state.give_up(partition)
            for topic in TOPICS:
                self.positions.applied.pop(TopicPartition(topic, partition), None)
        for user in self._engine.readers.users():
            if self._state.partition_of(user) in partitions:
                self._engine.evict(user)


def _takes(intake: Intake) -> dict[str, _Take]:
    return {RELATIONS.name: intake.relation, RELATIONS_INVERSE.name: intake.inverse, MARKERS.name: intake.marker}


def _apply(take: _Take, record: Record) -> None:
    take(record.partition, record.key or b"", record.value)


def _applied(take: _Take, records: Sequence[Record]) -> list[tuple[Record, Exception]]:
    """Apply records and return those that can't be understood."""
    poison: list[tuple[Record, Exception]] = []
    for record in records:
        try:
            _apply(take, record)
        except ValueError as error:
            poison.append((record, error))
    return poison
