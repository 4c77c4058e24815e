"""From what a source mapped to what Kafka has: accept, publish, dead-letter, and only then the cursor."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence

from services.contracts.activity import Activity
from services.ingest.acceptance import Accepted, accept
from services.ingest.cursors import Cursors
from services.ingest.publisher import ActivityPublisher
from services.ingest.source import Cursor, Deliver, Mapped, Rejection, SourceConfig
from services.runtime import metrics

# One slice is accepted without letting other work in between (15 ms) and waits for one acknowledgement.
_SLICE = 200
_REMEMBERED = 10_000


class Deliveries:
    """Makes `deliver` for each source. A crash at any point repeats what wasn't behind the stored cursor, and never skips."""

    def __init__(self, publisher: ActivityPublisher, cursors: Cursors, now_ms: Callable[[], int]) -> None:
        self._publisher = publisher
        self._cursors = cursors
        self._now_ms = now_ms
        self._dead: OrderedDict[bytes, None] = OrderedDict()

    def for_source(self, config: SourceConfig) -> Deliver:
        """Return what the connector of config hands its activities to. Raises KafkaUnavailable; the cursor then stays."""

        async def deliver(mapped: Mapped, cursor: Cursor) -> None:
            rejected = list(mapped.rejections)
            for start in range(0, len(mapped.activities), _SLICE):
                rejected += await self._publish(mapped.activities[start : start + _SLICE])
                await asyncio.sleep(0)
            accepted = len(mapped.activities) + len(mapped.rejections) - len(rejected)
            new = await self._dead_letter(config, rejected)
            await self._cursors.advance(config.id, cursor, accepted=accepted, rejected=new)

        return deliver

    async def _publish(self, activities: Sequence[Activity]) -> list[Rejection]:
        outcomes = [accept(activity, now_ms=self._now_ms()) for activity in activities]
        await self._publisher.publish([outcome for outcome in outcomes if isinstance(outcome, Accepted)])
        return [outcome for outcome in outcomes if isinstance(outcome, Rejection)]

    async def _dead_letter(self, config: SourceConfig, rejections: Sequence[Rejection]) -> int:
        """Keep rejections, each once: a source that is polled says the same bad thing again and again. Return how many are new."""
        new = {digest: rejection for rejection in rejections if (digest := _digest(config, rejection)) not in self._dead}
        await self._publisher.reject(tuple(new.values()), origin=config.id)
        for digest, rejection in new.items():
            metrics.INGEST_REJECTED.labels(config.kind, rejection.reason).inc()
            self._dead[digest] = None
        while len(self._dead) > _REMEMBERED:
            self._dead.popitem(last=False)
        return len(new)


def _digest(config: SourceConfig, rejection: Rejection) -> bytes:
    parts = (config.id, rejection.reason, rejection.native_id)
    return hashlib.sha256("\0".join(parts).encode(errors="replace") + b"\0" + rejection.payload).digest()
