"""How long ago everything in the log was visible in the index: a halted indexer leaves old audiences and deleted texts readable."""

import time
from collections import deque
from collections.abc import Callable, Mapping

from services.contracts.topics import ACTIVITIES
from services.runtime import metrics
from services.runtime.kafka_security import KafkaSecurity
from services.search.topic_ends import known_partitions, topic_ends

# About ten minutes: the largest limit that the settings allow.
_KEPT = 600


class Behind:
    """Compares what is visible with where the log ended at several moments. limit_s: how far behind the index may be."""

    def __init__(self, refreshed: Callable[[], Mapping[int, int]], limit_s: float) -> None:
        self._refreshed = refreshed
        self._limit_s = limit_s
        self._ends: deque[tuple[float, Mapping[int, int]]] = deque(maxlen=_KEPT)

    @property
    def known(self) -> bool:
        """Whether the log's end was ever heard of."""
        return bool(self._ends)

    def ended(self, moment: float, ends: Mapping[int, int]) -> None:
        """Note that at a moment (seconds, rising) nothing lay at or above ends, offsets by partition."""
        self._ends.append((moment, ends))

    def seconds(self, now: float) -> float:
        """Return for how long the index may have lacked something; inf when that isn't known or too long ago."""
        refreshed = self._refreshed()
        for moment, ends in reversed(self._ends):
            if all(refreshed.get(partition, 0) >= end for partition, end in ends.items()):
                return now - moment
        return float("inf")

    def problem(self, now: float) -> str:
        """Return why the index is too old to be shown, empty while it isn't."""
        return (
            "" if self.seconds(now) <= self._limit_s else f"the index has not reached the end of the log for {self._limit_s:g} s"
        )


class IndexFreshness:
    """Follows the end of `sluice.activities.v1` and says whether the index is close behind it."""

    def __init__(
        self,
        security: KafkaSecurity,
        refreshed: Callable[[], Mapping[int, int]],
        limit_s: float,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._security = security
        self._behind = Behind(refreshed, limit_s)
        self._now = now

    async def run(self) -> None:
        """Follow until cancelled. Raises LookupError where there is no such topic."""
        partitions = await known_partitions(self._security, ACTIVITIES.name)
        async for moment, ends in topic_ends(self._security, partitions, self._now):
            self._behind.ended(moment, {tp.partition: end for tp, end in ends.items()})
            metrics.INDEX_STALE_SECONDS.set(self._behind.seconds(self._now()))

    def problem(self) -> str:
        """Return why nobody may read the index, empty when they may."""
        return self._behind.problem(self._now())

    def unknown(self) -> str:
        """Return why nothing can be said yet, for readiness: history is good however far the index is behind."""
        return "" if self._behind.known else f"the end of {ACTIVITIES.name} is not known yet"
