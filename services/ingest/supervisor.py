"""Keeping every fetching source running: each on its own, started again after a failure with growing pauses."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from services.ingest.cursors import Cursors
from services.ingest.delivery import Deliveries
from services.ingest.sending import KafkaUnavailable
from services.ingest.source import Cursor, Deliver, FetchingConnector, Mapped, SourceConfig
from services.runtime import metrics

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds to wait before the nth try: doubling from first up to most, shortened by chance so that sources don't march in step."""

    first_s: float = 1.0
    most_s: float = 300.0

    def pause(self, failures: int, chance: float, asked_s: float = 0.0) -> float:
        """Return the pause. failures: in a row, from 1; chance: in [0, 1); asked_s: what the other side asked for, kept whole."""
        doubled = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return max(asked_s, doubled * (0.5 + chance / 2))


@dataclass(frozen=True, slots=True)
class FetchedSource:
    """A source that goes and gets."""

    config: SourceConfig
    connector: FetchingConnector


class Supervisor:
    """Runs sources until cancelled. One that fails is noted in the ledger, waits and goes on from its stored cursor."""

    def __init__(
        self,
        sources: Sequence[FetchedSource],
        deliveries: Deliveries,
        cursors: Cursors,
        http: Any,
        *,
        back_off: BackOff | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._sources = sources
        self._deliveries = deliveries
        self._cursors = cursors
        self._http = http
        self._back_off = back_off or BackOff()
        self._chance = chance

    async def run(self) -> None:
        """Run all sources, for ever. Cancelling stops them where they are: what wasn't stored is fetched again."""
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                group.create_task(self._keep_running(source), name=f"source-{source.config.id}")

    async def _keep_running(self, source: FetchedSource) -> None:
        failures = 0
        while True:
            delivered, deliver = _noticing(self._deliveries.for_source(source.config))
            error = await self._run_once(source, deliver)
            failures = 1 if delivered.is_set() else failures + 1
            pause = self._back_off.pause(failures, self._chance(), _asked_pause(error))
            await self._note(source.config, error, pause)
            await asyncio.sleep(pause)

    async def _run_once(self, source: FetchedSource, deliver: Deliver) -> Exception | None:
        config = source.config
        try:
            await source.connector.run(config, self._cursors.cursor(config.id), deliver, self._http)
        except Exception as error:  # noqa: BLE001 - whatever a channel does wrong, the others go on and it is tried again
            return error
        return None

    async def _note(self, config: SourceConfig, error: Exception | None, pause: float) -> None:
        failure = failure_of(error)
        metrics.SOURCE_FAILURES.labels(config.id, failure).inc()
        log.warning("source stopped", source=config.id, kind=config.kind, failure=failure, pause_s=round(pause, 1))
        try:
            await self._cursors.failed(config.id, failure)
        except KafkaUnavailable:
            log.warning("source failure not noted: Kafka is away", source=config.id)


def failure_of(error: Exception | None) -> str:
    """Return what may be written down of an error: its code where it has one, else its type, never its text."""
    if error is None:
        return "ended"
    # A `reason` of somebody else's error may quote what the other side sent.
    reason = getattr(error, "reason", "") if type(error).__module__.startswith("services.") else ""
    return reason or type(error).__name__


def _asked_pause(error: Exception | None) -> float:
    asked = getattr(error, "retry_after_s", 0.0)
    return float(asked) if isinstance(asked, int | float) and 0 < asked < 86_400 else 0.0  # noqa: PLR2004 - a day at most


def _noticing(deliver: Deliver) -> tuple[asyncio.Event, Deliver]:
    """Return deliver and an event that tells whether it ever succeeded."""
    delivered = asyncio.Event()

    async def noticed(mapped: Mapped, cursor: Cursor) -> None:
        await deliver(mapped, cursor)
        delivered.set()

    return delivered, noticed
