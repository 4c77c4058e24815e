"""Asking, a few times a second, how far the output goes: see `own_output`."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition as ClientPartition

from services.runtime.bulk_read import read_consumer, stop_consumer
from services.runtime.follow import OffsetGone
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import TopicPartition

LOOK_SECONDS = 0.5
_RETRY_SECONDS = 1.0
# A new leader may not know for moments how far the log goes; a log that stays shorter than it was is another log.
_SHORT_LOOKS = 10

#: Takes the ends of the log as they were a moment ago.
TakeEnds = Callable[[Mapping[TopicPartition, int]], Awaitable[None]]

log = logging.getLogger(__name__)


class OutputWatch:
    """positions: how far each partition is known, live; ends are asked for those it has."""

    def __init__(self, security: KafkaSecurity, positions: Mapping[TopicPartition, int], take: TakeEnds) -> None:
        self._security = security
        self._positions = positions
        self._take = take
        self._short = 0

    async def run(self) -> None:
        """Look until cancelled; a broker that is away is asked again.

        Raises OffsetGone when the log has lost what was known of it, and whatever take raises, Kafka's errors among it.
        """
        async with aclosing(self._looks()) as looks:
            async for ends in looks:
                await self._take(ends)

    async def _looks(self) -> AsyncGenerator[Mapping[TopicPartition, int], None]:
        while True:
            # What isn't committed counts too: a transaction that hangs would hide how far the log goes.
            consumer = read_consumer(self._security, "refine-own-output", isolation_level="read_uncommitted")
            try:
                await consumer.start()
                while True:
                    yield await self._look(consumer)
                    await asyncio.sleep(LOOK_SECONDS)
            except (KafkaError, OSError) as error:
                log.warning("watching the output is interrupted: %s", type(error).__name__)
            finally:
                await stop_consumer(consumer)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _look(self, consumer: AIOKafkaConsumer) -> Mapping[TopicPartition, int]:
        known = dict(self._positions)
        told = await consumer.end_offsets([ClientPartition(*tp) for tp in known])
        ends = {tp: told[ClientPartition(*tp)] for tp in known}
        self._note_short([tp for tp, position in known.items() if ends[tp] < position])
        return ends

    def _note_short(self, short: Sequence[TopicPartition]) -> None:
        self._short = self._short + 1 if short else 0
        if self._short >= _SHORT_LOOKS:
            raise OffsetGone(f"the log is shorter than it was: partitions {sorted(tp.partition for tp in short)}")
