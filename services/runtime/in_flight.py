"""How much may be under way at once: so many records and so many bytes, first come, first served."""

import asyncio
from collections import deque


class InFlight:
    """Room for records handed over and not yet acknowledged. One event loop.

    A record larger than all the bytes there may be goes alone. Waiting is the back-pressure: nothing is ever refused for want of
    room, the caller's deadline decides.
    """

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.records = 0
        self.bytes = 0

    @property
    def waiting(self) -> int:
        """How many records wait for room."""
        return len(self._waiters)

    async def enter(self, size: int) -> None:
        """Take room for one record of size bytes, waiting for it. When cancelled, no room is taken."""
        if self.enter_now(size):
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiters.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(size)
            else:
                self._waiters.remove((size, turn))
                self._admit()
            raise

    def enter_now(self, size: int) -> bool:
        """Take room for one record of size bytes if there is some and nobody waits for it; return whether it was taken."""
        if self._waiters or not self._fits(size):
            return False
        self._take(size)
        return True

    def leave(self, size: int) -> None:
        """Give the room of one record back."""
        self.records -= 1
        self.bytes -= size
        self._admit()

    def _admit(self) -> None:
        while self._waiters and self._fits(self._waiters[0][0]):
            size, turn = self._waiters.popleft()
            if not turn.done():
                self._take(size)
                turn.set_result(None)

    def _fits(self, size: int) -> bool:
        return self.records == 0 or (self.records < self._max_records and self.bytes + size <= self._max_bytes)

    def _take(self, size: int) -> None:
        self.records += 1
        self.bytes += size
