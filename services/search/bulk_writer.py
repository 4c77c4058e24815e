"""Writing documents until every one is in the index or known to be impossible."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from services.runtime import metrics
from services.search.backoff import Backoff
from services.search.documents import Document
from services.search.outcomes import Fate, fate_of
from services.search.ports import IndexAway, Outcome, RequestRefused, WritableIndex
from services.search.slices import slices

log = structlog.get_logger()

_TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document that the index will never take. reason: the type of its error."""

    document: Document
    reason: str


@dataclass(frozen=True, slots=True)
class BulkBounds:
    """How much one request holds and how many are under way at the same time."""

    max_count: int = 1000
    max_bytes: int = 4 * 1024 * 1024
    in_flight: int = 2


class BulkWriter:
    """Writes to one index. waiting_for: why it can't write now, empty while it can; for readiness.

    interrupted: the server was away at some time since somebody last set it to False. It may have lost what it had acknowledged.
    """

    def __init__(
        self,
        index: WritableIndex,
        bounds: BulkBounds | None = None,
        backoff: Backoff | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.waiting_for = ""
        self.interrupted = False
        self._index = index
        self._bounds = bounds or BulkBounds()
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._slots = asyncio.Semaphore(self._bounds.in_flight)

    async def write(self, documents: Sequence[Document]) -> list[Refusal]:
        """Return when each document is written (or an as new one is there already), with those that are refused for good.

        Whatever may pass is tried again for ever: nothing is skipped. Cancelling it leaves some written; all may be written again.
        """
        parts = slices(documents, max_count=self._bounds.max_count, max_bytes=self._bounds.max_bytes)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._write_part(part)) for part in parts]
        return [refusal for task in tasks for refusal in task.result()]

    async def _write_part(self, documents: list[Document]) -> list[Refusal]:
        async with self._slots:
            return await self._write_all(documents)

    async def _write_all(self, documents: list[Document]) -> list[Refusal]:
        refused: list[Refusal] = []
        failures = 0
        while documents:
            try:
                outcomes = await self._bulk(documents)
            except RequestRefused as refusal:
                # Any other refusal of the whole, such as of our credentials, is no document's fault.
                if refusal.status == _TOO_LARGE:
                    return refused + await self._halve(documents, refusal)
                outcomes = [Outcome(refusal.status, "request_refused")] * len(documents)
            except IndexAway as away:
                self.interrupted = True
                outcomes = [Outcome(503, str(away))] * len(documents)
            judged = [(document, outcome, fate_of(outcome)) for document, outcome in zip(documents, outcomes, strict=True)]
            refused += [Refusal(document, outcome.error) for document, outcome, fate in judged if fate is Fate.REFUSED]
            again = [(document, outcome) for document, outcome, fate in judged if fate is Fate.RETRY]
            metrics.INDEXED_DOCUMENTS.inc(sum(fate is Fate.DONE for *_, fate in judged))
            failures = failures + 1 if len(again) == len(documents) else 1
            documents = [document for document, _ in again]
            if again:
                await self._wait(failures, len(again), again[0][1].error)
        self.waiting_for = ""
        return refused

    async def _bulk(self, documents: list[Document]) -> list[Outcome]:
        with metrics.ELASTIC_SECONDS.labels("bulk").time():
            return await self._index.bulk(documents)

    async def _halve(self, documents: list[Document], refusal: RequestRefused) -> list[Refusal]:
        """Find the documents at fault for a request that was refused as a whole."""
        if len(documents) == 1:
            return [Refusal(documents[0], f"status_{refusal.status}")]
        middle = len(documents) // 2
        return await self._write_all(documents[:middle]) + await self._write_all(documents[middle:])

    async def _wait(self, failures: int, count: int, reason: str) -> None:
        seconds = self._backoff.seconds(failures)
        self.waiting_for = reason or "unknown"
        metrics.INDEX_RETRIES.labels(self.waiting_for[:60]).inc(count)
        log.warning("documents will be written again", count=count, cause=self.waiting_for, in_seconds=round(seconds, 2))
        await self._sleep(seconds)
