"""Making written documents visible, and telling the readers how far that has come."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.contracts.cloud_events import PROGRESSED, cloud_event
from services.contracts.indices import Index
from services.contracts.relation_codec import IndexProgress, progress_to_bytes
from services.contracts.topics import INDEX_PROGRESS
from services.runtime import metrics
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.records import Outgoing
from services.search.backoff import Backoff
from services.search.indexing import Indexing, Log
from services.search.ports import Checkpoint, CheckpointLost, IndexAway, RequestRefused, WritableIndex

log = structlog.get_logger()

REFRESH_SECONDS = 0.2
# How soon a server that went back in time is noticed while nothing is written.
VERIFY_SECONDS = 2.0
# An indexer that stood still and lost its partitions may tell of an old offset after the new owner told of a newer one.
REPEAT_SECONDS = 20.0
_LAST_SECONDS = 5.0

#: Returns when every reader can learn that these offsets, by partition, are visible.
Announce = Callable[[Mapping[int, int]], Awaitable[None]]


class Publication:
    """Refreshes the index at most every refresh_s seconds and only when there is something new.

    An offset is announced after the index has kept it as its checkpoint and after a refresh that began later than the writes before
    it: what is announced is never more than what every search sees.
    """

    def __init__(
        self,
        indexing: Indexing,
        source: Log,
        index: WritableIndex,
        announce: Announce,
        backoff: Backoff,
        *,
        refresh_s: float = REFRESH_SECONDS,
        verify_s: float = VERIFY_SECONDS,
        repeat_s: float = REPEAT_SECONDS,
    ) -> None:
        self.waiting_for = ""
        self._indexing = indexing
        self._log = source
        self._index = index
        self._announce = announce
        self._backoff = backoff
        self._refresh_s = refresh_s
        self._verify_s = verify_s
        self._repeat_s = repeat_s
        self._told_at = float("-inf")

    async def run(self) -> None:
        """Publish until cancelled; failures of the index and of Kafka are tried again. Raises Kafka's errors that don't pass."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                await self.step()
                self.waiting_for, failures = "", 0
                await asyncio.sleep(max(0.0, self._refresh_s - (time.monotonic() - began)))
                await self._news()
            except (IndexAway, RequestRefused, KafkaError) as error:
                if isinstance(error, KafkaError) and not error.retriable:
                    raise
                if isinstance(error, IndexAway):
                    # It may come back without what it had acknowledged after its last checkpoint.
                    self._log.begin_again()
                failures += 1
                self.waiting_for = str(error) or type(error).__name__
                log.warning("progress is published later", cause=self.waiting_for)
                await asyncio.sleep(self._backoff.seconds(failures))

    async def last_step(self) -> None:
        """Publish what is still due when the process stops; what fails now is done by the next indexer, which starts where this one was."""
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await self.step()
        except (IndexAway, RequestRefused, KafkaError, TimeoutError) as error:
            log.warning("the last progress is not published", cause=type(error).__name__)

    async def step(self) -> None:
        """Publish what is due, or look whether the index is still where we left it. Raises IndexAway, RequestRefused, KafkaError."""
        vector = self._indexing.vector
        epoch, due = vector.epoch, vector.due()
        self._indexing.news.clear()
        try:
            if not due:
                await self._verify(epoch)
                await self._tell_again(epoch)
                return
            await self._save(epoch, due)
        except CheckpointLost:
            metrics.INDEX_ROLLBACKS.inc()
            log.warning("the index is not where it was left: reading again from where it is")
            self._log.begin_again()
            return
        await self._index.refresh()
        await self._announce(due)
        vector.announce(epoch, due)
        await self._log.commit(due)

    async def _news(self) -> None:
        try:
            async with asyncio.timeout(self._verify_s):
                await self._indexing.news.wait()
        except TimeoutError:
            return

    async def _save(self, epoch: int, due: Mapping[int, int]) -> None:
        known = self._indexing.checkpoints
        moved = [replace(known.get(number, Checkpoint(number, 0)), position=at) for number, at in due.items()]
        saved = await self._index.save_checkpoints(moved)
        if epoch == self._indexing.vector.epoch:
            known.update(saved)

    async def _tell_again(self, epoch: int) -> None:
        """Let what this indexer just found to be true be the last that readers hear, also where nothing new comes."""
        told, now = dict(self._indexing.vector.announced), time.monotonic()
        if told and epoch == self._indexing.vector.epoch and now - self._told_at >= self._repeat_s:
            await self._announce(told)
            self._told_at = now

    async def _verify(self, epoch: int) -> None:
        known = dict(self._indexing.checkpoints)
        there = await self._index.checkpoints(known)
        if epoch == self._indexing.vector.epoch and there != known:
            raise CheckpointLost


def announcer(producer: AIOKafkaProducer, index: Index, source: str) -> Announce:
    """Return what writes progress to its topic. Raises KafkaError; telling the same again is harmless."""

    async def announce(positions: Mapping[int, int]) -> None:
        now = time.time_ns() // 1_000_000
        records = []
        for partition, at in positions.items():
            progress = IndexProgress(index.name, partition, at)
            identity = f"{index.name}/{partition}/{at}/{now}"
            headers = cloud_event(event_type=PROGRESSED, event_id=identity, source=source, subject=index.name, time_ms=now)
            records.append(Outgoing(INDEX_PROGRESS.name, progress.key, progress_to_bytes(progress), headers))
        await send_confirmed(producer, records)

    return announce
