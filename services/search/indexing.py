"""From the log to the index: reading, writing, and starting again where the index says that it is."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import structlog

from services.contracts.topics import ACTIVITIES
from services.runtime import metrics
from services.runtime.records import Record
from services.search.activity_log import Fetched
from services.search.backoff import Backoff
from services.search.bulk_writer import BulkWriter
from services.search.dead_letters import DeadLetter, KeepLetters
from services.search.documents import Document, RecordRefused, document_at, hiding, version_at
from services.search.ports import Checkpoint, IndexAway, RequestRefused, WritableIndex
from services.search.progress import ProgressVector

log = structlog.get_logger()

# Converting is the loop's only long work: other tasks get their turn after this many records (about 10 ms).
_TURN = 200
# Refreshes are several times rarer: records that come one by one are better written together.
GATHER_SECONDS = 0.04
_SMALL_ROUND = 500


class Log(Protocol):
    """The log as indexing needs it, see `activity_log.ActivityLog`."""

    epoch: int
    lag: int

    def begin_again(self) -> None: ...  # noqa: D102 - see ActivityLog
    def partitions(self) -> Collection[int]: ...  # noqa: D102 - see ActivityLog
    async def begin(self, positions: Mapping[int, int]) -> dict[int, int]: ...  # noqa: D102 - see ActivityLog
    async def poll(self) -> Fetched: ...  # noqa: D102 - see ActivityLog
    async def commit(self, positions: Mapping[int, int]) -> None: ...  # noqa: D102 - see ActivityLog


class Indexing:
    """Reads the assigned partitions and writes what they say.

    vector and checkpoints are shared with `publication`: news is set whenever there is something to make visible. While a round of
    records is being written nothing more is read, so memory is bounded by one round and what the client fetched ahead.
    """

    def __init__(
        self,
        source: Log,
        index: WritableIndex,
        writer: BulkWriter,
        keep: KeepLetters,
        backoff: Backoff,
        *,
        gather_s: float = GATHER_SECONDS,
    ) -> None:
        self.vector = ProgressVector()
        self.checkpoints: dict[int, Checkpoint] = {}
        self.news = asyncio.Event()
        self._log = source
        self._index = index
        self._writer = writer
        self._keep = keep
        self._backoff = backoff
        self._gather_s = gather_s

    async def run(self, stop: asyncio.Event) -> None:
        """Index until stop is set; what was read by then is written. Raises LogShrank and Kafka's errors that don't pass."""
        while not stop.is_set():
            if self.vector.epoch != self._log.epoch:
                await self._begin()
            fetched = await self._log.poll()
            if fetched.epoch != self.vector.epoch:
                continue
            metrics.READER_LAG.labels("indexer", ACTIVITIES.name).set(self._log.lag)
            if fetched.records:
                await self.write(fetched.records)
            if self._writer.interrupted:
                self._writer.interrupted = False
                self._log.begin_again()
                continue
            if self.vector.wrote(fetched.epoch, fetched.positions):
                self.news.set()
            if 0 < len(fetched.records) < _SMALL_ROUND:
                await asyncio.sleep(self._gather_s)

    async def _begin(self) -> None:
        """Go on where the index is: it may have gone back in time with a server that lost its last writes."""
        epoch = self._log.epoch
        checkpoints = await self._read_checkpoints()
        if epoch != self._log.epoch:
            return
        starts = await self._log.begin({number: point.position for number, point in checkpoints.items()})
        if epoch != self._log.epoch:
            return
        self.checkpoints = checkpoints
        self.vector.begin(epoch, starts)
        self.news.set()
        log.info("indexing begins", partitions=len(starts), from_the_start=len(set(starts) - set(checkpoints)))

    async def _read_checkpoints(self) -> dict[int, Checkpoint]:
        failures = 0
        while True:
            try:
                return await self._index.checkpoints(self._log.partitions())
            except (IndexAway, RequestRefused) as error:
                failures += 1
                self._writer.waiting_for = str(error)
                await asyncio.sleep(self._backoff.seconds(failures))

    async def write(self, records: Sequence[Record]) -> None:
        """Write the records of one round; what can't be written is kept as a dead letter and hidden in the index.

        Of one id only the last record is written: the log's order is the truth, and the index would refuse the others anyway.
        """
        documents, letters = await self._convert(records)
        refusals = await self._writer.write(list(documents.values()))
        if refusals:
            reasons = {(refusal.document.id, refusal.document.version): refusal.reason for refusal in refusals}
            refused = [(record, reasons[at]) for record in records if (at := _identity(record)) in reasons]
            letters += [DeadLetter(record, reason, "the index refused the document") for record, reason in refused]
            hidden = [hide for record, _ in refused if (hide := hiding(record.key, record.offset))]
            await self._writer.write(hidden)
        await self._keep(letters)
        metrics.READER_RECORDS.labels("indexer", ACTIVITIES.name).inc(len(records))

    async def _convert(self, records: Sequence[Record]) -> tuple[dict[str, Document], list[DeadLetter]]:
        documents: dict[str, Document] = {}
        letters = []
        for count, record in enumerate(records):
            if count % _TURN == _TURN - 1:
                await asyncio.sleep(0)
            try:
                document = document_at(record.key, record.value, record.offset)
            except RecordRefused as error:
                letters.append(DeadLetter(record, error.reason, str(error)))
                hide = hiding(record.key, record.offset)
                if hide is None:
                    continue
                document = hide
            documents[document.id] = document
        return documents, letters


def _identity(record: Record) -> tuple[str, int]:
    return (record.key or b"").decode(errors="replace"), version_at(record.offset)
