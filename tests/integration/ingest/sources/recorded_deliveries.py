"""A Deliver that keeps what it is handed, and waits for conditions instead of for time."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.ingest.source import Mapped, SourceConfig

DEADLINE_S = 10.0


class KafkaIsAway(Exception):
    """What deliver raises while Kafka is away."""


class RecordedDeliveries:
    """Remembers deliveries and the last cursor; `fail` lets the next ones fail."""

    def __init__(self):
        self.mapped = []
        self.cursor = {}
        self.fail = False
        self._changed = asyncio.Condition()

    async def __call__(self, mapped: Mapped, cursor):
        if self.fail:
            raise KafkaIsAway
        async with self._changed:
            self.mapped.append(mapped)
            self.cursor = dict(cursor)
            self._changed.notify_all()

    @property
    def activities(self):
        return [activity for mapped in self.mapped for activity in mapped.activities]

    @property
    def native_ids(self):
        return [activity.source.native_id for activity in self.activities]

    @property
    def rejections(self):
        return [rejection for mapped in self.mapped for rejection in mapped.rejections]

    async def until(self, condition: Callable[["RecordedDeliveries"], bool]):
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: condition(self))


@dataclass
class ConnectedSource:
    """A connector with what it runs on."""

    connector: Any
    config: SourceConfig
    deliveries: RecordedDeliveries
    http: Any

    async def run(self):
        """Run from the last delivered cursor until the connector raises."""
        await asyncio.wait_for(self.connector.run(self.config, self.deliveries.cursor, self.deliveries, self.http), DEADLINE_S)

    @contextlib.asynccontextmanager
    async def running(self):
        """Run while the block runs; an error of the connector is raised at the end."""
        task = asyncio.create_task(self.run())
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
