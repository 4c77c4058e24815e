"""Publishing what one stream of requests brings: what comes within a moment goes to Kafka together, each item with its own fate."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from services.contracts.errors import Overloaded, ServiceUnavailable
from services.ingest.acceptance import Accepted
from services.ingest.publisher import Published

#: Where an item is, or why it isn't.
Fate = Published | Exception
#: Returns where each is. Raises for all when one fails; repeating changes nothing.
Publish = Callable[[Sequence[Accepted]], Awaitable[Sequence[Published]]]

# A publish of its own for each item costs more than all the rest of it.
_GATHER_S = 0.005
_MOST_TOGETHER = 100
# So many of one stream wait for Kafka at a time; reading the stream pauses then.
_WINDOW = 500


class StreamPublishing:
    """Use it as an async context manager: leaving it waits for everything that was put in."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._room = asyncio.Semaphore(_WINDOW)
        self._gathered: list[tuple[Accepted, asyncio.Future[Fate]]] = []
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._group.__aexit__(*error)  # type: ignore[arg-type]  # what a context manager is given

    async def put(self, accepted: Accepted) -> "asyncio.Future[Fate]":
        """Take an item when there is room. Its fate is known a moment later, at the latest when this has been left."""
        await self._room.acquire()
        fate: asyncio.Future[Fate] = asyncio.get_running_loop().create_future()
        self._gathered.append((accepted, fate))
        if len(self._gathered) == 1:
            self._group.create_task(self._publish_soon())
        if len(self._gathered) >= _MOST_TOGETHER:
            self._group.create_task(self._publish_all(self._taken()))
        return fate

    async def _publish_soon(self) -> None:
        await asyncio.sleep(_GATHER_S)
        if items := self._taken():
            await self._publish_all(items)

    def _taken(self) -> list[tuple[Accepted, "asyncio.Future[Fate]"]]:
        taken, self._gathered = self._gathered, []
        return taken

    async def _publish_all(self, items: list[tuple[Accepted, "asyncio.Future[Fate]"]]) -> None:
        try:
            fates = await self._fates([accepted for accepted, _ in items])
            for (_, fate), known in zip(items, fates, strict=True):
                fate.set_result(known)
        finally:
            for _ in items:
                self._room.release()

    async def _fates(self, items: Sequence[Accepted]) -> list[Fate]:
        try:
            return list(await self._publish(items))
        except (ServiceUnavailable, Overloaded) as error:
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - whatever it is, its sender hears of it
            if len(items) == 1:
                return [error]
            # Which of them it was isn't said, and the others are not to suffer.
            return [fate for item in items for fate in await self._fates([item])]
