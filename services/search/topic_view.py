"""A whole topic in the memory of this process, and since when it is known to be complete."""

import asyncio
import time
from collections.abc import Callable, Sequence

from services.runtime import metrics
from services.runtime.bulk_read import bulk_read
from services.runtime.follow import Follower
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Record, TopicPartition
from services.search.topic_ends import ANSWER_SECONDS, known_partitions, topic_ends

_LOOK_SECONDS = 0.02

#: Takes records of one partition, offsets rising; must not block.
Take = Callable[[Sequence[Record]], None]


class TopicView:
    """Gives take every record of a topic, then what is added, for ever.

    complete_at: the last moment (of now, seconds) at which nothing was in the topic that take has not had; -inf before the first.
    A follower that hears nothing can't tell a quiet topic from a broken connection, so the ends are asked for again and again.
    """

    def __init__(self, security: KafkaSecurity, topic: str, take: Take, *, now: Callable[[], float] = time.monotonic) -> None:
        self.complete_at = float("-inf")
        self._security = security
        self._topic = topic
        self._take = take
        self._now = now

    def age(self) -> float:
        """Return for how many seconds the view may have been incomplete."""
        return self._now() - self.complete_at

    async def run(self) -> None:
        """Follow until cancelled. Raises OffsetGone where the log was cut: the process must start anew, and LookupError without topic."""
        partitions = await known_partitions(self._security, self._topic)
        with metrics.READ_BACK_SECONDS.labels(f"search {self._topic}").time():
            asked_at = self._now()
            ends = await bulk_read(self._security, partitions, lambda _, records: self._take(records))
        self.complete_at = asked_at
        follower = Follower(self._security, ends, self._follow, client_id=f"search-{self._topic}")
        async with asyncio.TaskGroup() as group:
            group.create_task(follower.run())
            group.create_task(self._confirm(follower))

    async def _follow(self, _partition: TopicPartition, records: Sequence[Record], _position: int) -> None:
        self._take(records)

    async def _confirm(self, follower: Follower) -> None:
        async for asked_at, ends in topic_ends(self._security, list(follower.positions), self._now):
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    while any(follower.positions[tp] < end for tp, end in ends.items()):  # noqa: ASYNC110 - the follower has no event
                        await asyncio.sleep(_LOOK_SECONDS)
            except TimeoutError:
                continue
            self.complete_at = asked_at
