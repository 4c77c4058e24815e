"""Knowing for readiness whether the index answers."""

import asyncio
from collections.abc import Awaitable, Callable

_WATCH_SECONDS = 1.0


class IndexWatch:
    """Asks again and again; reason: the last answer, empty when the index can serve."""

    def __init__(self, ask: Callable[[], Awaitable[str]]) -> None:
        self.reason = "not asked yet"
        self._ask = ask

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            self.reason = await self._ask()
            await asyncio.sleep(_WATCH_SECONDS)
