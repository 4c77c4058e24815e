"""Events as they come, kept in order while something else is going on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self

from httpx_sse import ServerSentEvent

from services.runtime.fetch_errors import StreamEnded

# Beyond this the connection itself waits, and in the end the server drops us: then the catch-up finds the rest.
_MOST_WAITING = 2000
_MOST_AT_ONCE = 200


class LiveEvents:
    """Reads a stream into a bounded queue from the moment it is opened. first_update: the data of the first new status."""

    def __init__(self, events: AsyncIterator[ServerSentEvent]) -> None:
        self._events = events
        self._queue: asyncio.Queue[ServerSentEvent | Exception] = asyncio.Queue(_MOST_WAITING)
        self._failure: Exception | None = None
        self.first_update = ""
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reader:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    async def _read(self) -> None:
        try:
            async for event in self._events:
                if event.event == "update" and not self.first_update:
                    self.first_update = event.data
                await self._queue.put(event)
        except Exception as error:  # noqa: BLE001 - whatever ends the reading must reach whoever waits for events
            await self._queue.put(error)
        else:
            await self._queue.put(StreamEnded("the event stream ended"))

    async def batch(self, wait_s: float | None) -> list[ServerSentEvent]:
        """Return what came, in order, waiting for the first up to wait_s (None: for ever); empty when nothing came.

        Raises what ended the stream, once everything before it was returned.
        """
        if self._failure:
            raise self._failure
        found: list[ServerSentEvent] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                self._take(await self._queue.get(), found)
        while len(found) < _MOST_AT_ONCE and not self._failure and not self._queue.empty():
            self._take(self._queue.get_nowait(), found)
        if self._failure and not found:
            raise self._failure
        return found

    def _take(self, item: ServerSentEvent | Exception, found: list[ServerSentEvent]) -> None:
        if isinstance(item, Exception):
            self._failure = item
        else:
            found.append(item)
