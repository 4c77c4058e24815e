"""Since when this worker may be missing something: it must not show what somebody has closed or deleted meanwhile."""

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition as ClientPartition

from services.runtime.bulk_read import read_consumer
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import TopicPartition

log = structlog.get_logger()

_ASK_SECONDS = 1.0
_ANSWER_SECONDS = 2.0
_LOOK_SECONDS = 0.05

Places = Callable[[], Mapping[TopicPartition, int]]


class Freshness:
    """Asks the broker for the ends of what is followed, again and again: silence is not told from a quiet topic otherwise.

    positions: what has been applied, by partition, live.
    """

    def __init__(self, security: KafkaSecurity, positions: Places, *, now: Callable[[], float] = time.monotonic) -> None:
        self._security = security
        self._positions = positions
        self._now = now
        self._complete_at = float("-inf")

    def age(self) -> float:
        """Return for how many seconds something may be missing; infinite before the first time that nothing was."""
        return self._now() - self._complete_at

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            consumer = read_consumer(self._security, "feeds-ends", request_timeout_ms=int(_ANSWER_SECONDS * 1000))
            try:
                await consumer.start()
                while True:
                    if self._positions():
                        await self._confirm(consumer)
                    await asyncio.sleep(_ASK_SECONDS)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("the ends of what is followed are not known", cause=type(error).__name__)
            finally:
                await consumer.stop()
            await asyncio.sleep(_ASK_SECONDS)

    async def _confirm(self, consumer: AIOKafkaConsumer) -> None:
        asked_at = self._now()
        async with asyncio.timeout(_ANSWER_SECONDS):
            ends = await consumer.end_offsets([ClientPartition(*tp) for tp in self._positions()])
        while self._missing(ends):  # noqa: ASYNC110 - what moves the positions is many things, none with an event
            await asyncio.sleep(_LOOK_SECONDS)
        self._complete_at = asked_at

    def _missing(self, ends: Mapping[TopicPartition, int]) -> bool:
        positions = self._positions()
        # A partition that moved away meanwhile is not waited for.
        return any(positions[tp] < end for tp, end in ends.items() if tp in positions)
