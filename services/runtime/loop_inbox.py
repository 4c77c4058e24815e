"""Results from another thread to the event loop, in bunches: waking the loop for each one would cost more than the result."""

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class LoopInbox(Generic[T]):
    """put() from any thread; take is called in loop with everything put since the last time, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, take: Callable[[list[T]], None]) -> None:
        self._loop = loop
        self._take = take
        self._lock = threading.Lock()
        self._items: list[T] = []

    def put(self, item: T) -> None:
        """Hand item over. After the loop is closed nobody waits for it any more, and it is dropped."""
        with self._lock:
            self._items.append(item)
            if len(self._items) > 1:
                return
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        with self._lock:
            items, self._items = self._items, []
        self._take(items)
