"""How far something has been applied, and waiting for it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")


class Positions(Generic[K]):
    """key → the next offset to be applied; whoever waits for an offset wakes up when it is."""

    def __init__(self) -> None:
        self.applied: dict[K, int] = {}
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def set(self, key: K, position: int) -> None:
        """Move a position, wherever to."""
        self.applied[key] = position
        still = []
        for settled, done in self._waiting:
            if done.done():
                continue
            if settled():
                done.set_result(None)
            else:
                still.append((settled, done))
        self._waiting = still

    def reached(self, wanted: Mapping[K, int]) -> bool:
        """Return whether everything below wanted is applied."""
        return all(self.applied.get(key, 0) >= offset for key, offset in wanted.items())

    async def wait(self, wanted: Mapping[K, int], seconds: float) -> None:
        """Return when everything below wanted is applied. Raises TimeoutError after seconds."""
        await self.until(lambda: self.reached(wanted), seconds)

    async def until(self, settled: Callable[[], bool], seconds: float) -> None:
        """Return when settled() holds; it is asked whenever a position has moved and must not raise. Raises TimeoutError after seconds."""
        if settled():
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((settled, done))
        async with asyncio.timeout(seconds):
            await done
