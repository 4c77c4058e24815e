"""Following sluice.interactions.v1, which every worker reads whole: any page may show any activity, with what is on it."""

from collections.abc import Callable, Collection, Sequence

import structlog

from services.contracts.interactions import interaction_from_record, interaction_of_key
from services.contracts.topics import INTERACTIONS
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.follow import Follower
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.metrics import READER_RECORDS
from services.runtime.records import Record, TopicPartition
from services.stream.feeds.positions import Positions
from services.stream.feeds.tallies import Tallies

log = structlog.get_logger()


class InteractionLog:
    """Keeps tallies up to the log. positions: the next offset to be applied, by partition; they move after tallies have."""

    def __init__(self, security: KafkaSecurity, tallies: Tallies, on_change: Callable[[Collection[str]], None]) -> None:
        """on_change: called with the ids of the activities on which something has come or gone, at once after it is counted."""
        self.positions: Positions[TopicPartition] = Positions()
        self._security = security
        self._tallies = tallies
        self._on_change = on_change

    async def read_back(self) -> None:
        """Read what there is so far. Raises KafkaError, and LookupError where the topic doesn't exist."""
        partitions = await partitions_of(self._security, INTERACTIONS.name)
        for tp, end in (await bulk_read(self._security, partitions, lambda _, records: self._take(records))).items():
            self.positions.set(tp, end)
        log.info("interactions read back", objects=len(self._tallies))

    async def run(self) -> None:
        """Follow from there until cancelled. Raises OffsetGone when the log has forgotten what lies between."""
        await Follower(self._security, self.positions.applied, self._follow, client_id="feeds-interactions").run()

    async def _follow(self, tp: TopicPartition, records: Sequence[Record], position: int) -> None:
        self._take(records)
        self.positions.set(tp, position)

    def _take(self, records: Sequence[Record]) -> None:
        """Take records, the last of a key counts; the same again changes nothing."""
        changed: set[str] = set()
        for record in records:
            try:
                changed.add(apply(self._tallies, record))
            except ValueError as error:
                log.warning("interaction can't be read", offset=record.offset, cause=type(error).__name__)
        READER_RECORDS.labels("feeds", INTERACTIONS.name).inc(len(records))
        self._on_change(changed)


def apply(tallies: Tallies, record: Record) -> str:
    """Apply one record and return what it is on. Raises ValueError where it can't be read; then its edge, if the key names one, is gone."""
    edge = interaction_of_key(record.key or b"")
    try:
        now = interaction_from_record(record.key or b"", record.value) if record.value else None
    except ValueError:
        tallies.remove(edge)
        raise
    if now is None:
        tallies.remove(edge)
    else:
        tallies.put(now)
    return edge.object_id
