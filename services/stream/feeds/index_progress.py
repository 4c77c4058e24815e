"""W, the vector of refreshed offsets, as the indexer publishes it."""

from collections.abc import Callable, Sequence

import structlog

from services.contracts.codec import UndecodableRecord
from services.contracts.relation_codec import progress_from_bytes
from services.contracts.topics import INDEX_PROGRESS
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.follow import Follower
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Record, TopicPartition

log = structlog.get_logger()


class IndexProgress:
    """Follows the progress of one index. refreshed: partition → the offset below which every search sees everything.

    It goes back when the index lost its last moments; the last value counts.
    """

    def __init__(self, security: KafkaSecurity, index: str, on_change: Callable[[], None]) -> None:
        """index: name of the versioned index. on_change: called after refreshed has changed."""
        self.refreshed: dict[int, int] = {}
        self._security = security
        self._index = index
        self._on_change = on_change
        self._ends: dict[TopicPartition, int] = {}

    async def read_back(self) -> None:
        """Read what was published so far. Raises KafkaError, and LookupError where the topic doesn't exist."""
        partitions = await partitions_of(self._security, INDEX_PROGRESS.name)
        self._ends = await bulk_read(self._security, partitions, lambda _, records: self._take(records))

    async def run(self) -> None:
        """Follow from there until cancelled."""
        await Follower(self._security, self._ends, self._follow, client_id="feeds-index-progress").run()

    async def _follow(self, _tp: TopicPartition, records: Sequence[Record], _position: int) -> None:
        self._take(records)
        self._on_change()

    def _take(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.value is None:
                continue
            try:
                progress = progress_from_bytes(record.value)
            except UndecodableRecord:
                # The next one, a moment later, says more than this one did.
                log.warning("index progress can't be read", offset=record.offset)
                continue
            if progress.index == self._index:
                self.refreshed[progress.partition] = progress.refreshed
