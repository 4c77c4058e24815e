"""Applying what the log has now before a call is answered: the other replica group may have taken a change a moment ago."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial

from aiokafka.errors import KafkaError

from services.contracts.errors import ServiceUnavailable
from services.runtime.records import TopicPartition
from services.stream.feeds.positions import Positions

_SECONDS = 1.0

Ends = Mapping[TopicPartition, int]
Ask = Callable[[Collection[TopicPartition]], Awaitable[Ends]]


class UpToNow:
    """Waits until everything that was acknowledged to somebody before a call is applied here.

    Within one group that is so by itself: one worker owns a user, and answers a change when it has applied it. One question to the
    brokers at a time serves all who came before it was asked.
    """

    def __init__(self, ask: Ask, applied: Collection[Positions[TopicPartition]]) -> None:
        """ask: asks the brokers. applied: how far partitions are applied; each is in one of them."""
        self._ask = ask
        self._applied = applied
        self._wanted: set[TopicPartition] = set()
        self._under_way: asyncio.Task[Ends] | None = None
        self._next: asyncio.Task[Ends] | None = None

    async def wait(self, partitions: Collection[TopicPartition]) -> None:
        """Return when what partitions have now is applied. Raises ServiceUnavailable when that takes too long."""
        try:
            async with asyncio.timeout(_SECONDS):
                ends = await self._ends(partitions)
                for positions in self._applied:
                    await positions.until(partial(_reached, positions, {tp: ends[tp] for tp in partitions}), _SECONDS)
        except (KafkaError, OSError, TimeoutError):
            raise ServiceUnavailable("what the other group has taken is not known in time") from None

    async def _ends(self, partitions: Collection[TopicPartition]) -> Ends:
        self._wanted.update(partitions)
        if self._next is None:
            self._next = asyncio.create_task(self._round(self._under_way))
            # All who waited may be gone when it fails.
            self._next.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._next)

    async def _round(self, before: "asyncio.Task[Ends] | None") -> Ends:
        if before is not None:
            await asyncio.wait({before})
        wanted, self._wanted = self._wanted, set()
        self._under_way, self._next = self._next, None
        return await self._ask(wanted)


def _reached(positions: Positions[TopicPartition], ends: Ends) -> bool:
    """Return whether what is followed here has come to its end. A partition that moved away meanwhile is not waited for."""
    return all(positions.applied[tp] >= end for tp, end in ends.items() if tp in positions.applied)
