"""Since when this worker may be missing something: it must not show what somebody has closed or deleted meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog
from aiokafka.errors import KafkaError

from services.runtime.records import TopicPartition

log = structlog.get_logger()

_ASK_SECONDS = 1.0
_LOOK_SECONDS = 0.05

Places = Mapping[TopicPartition, int]


class Freshness:
    """Asks the broker for the ends of what is followed, again and again: silence is not told from a quiet topic otherwise.

    ends: asks the brokers. positions: what has been applied, by partition, live.
    """

    def __init__(
        self,
        ends: Callable[[Collection[TopicPartition]], Awaitable[Places]],
        positions: Callable[[], Places],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ends = ends
        self._positions = positions
        self._now = now
        self._complete_at = float("-inf")

    def age(self) -> float:
        """Return for how many seconds something may be missing; infinite before the first time that nothing was."""
        return self._now() - self._complete_at

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                if self._positions():
                    await self._confirm()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("the ends of what is followed are not known", cause=type(error).__name__)
            await asyncio.sleep(_ASK_SECONDS)

    async def _confirm(self) -> None:
        asked_at = self._now()
        ends = await self._ends(self._positions().keys())
        while self._missing(ends):  # noqa: ASYNC110 - what moves the positions is many things, none with an event
            await asyncio.sleep(_LOOK_SECONDS)
        self._complete_at = asked_at

    def _missing(self, ends: Places) -> bool:
        positions = self._positions()
        # A partition that moved away meanwhile is not waited for.
        return any(positions[tp] < end for tp, end in ends.items() if tp in positions)
