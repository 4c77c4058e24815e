"""The broadcast: every worker reads all refined activities, from W on, and delivers each to its own readers."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from services.contracts.matching import Facts
from services.contracts.topics import ACTIVITIES
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.follow import Follower
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.metrics import FEEDS_DELIVERIES, READER_RECORDS
from services.runtime.records import Record, TopicPartition
from services.stream.feeds.arrivals import facts_in, hidden_by
from services.stream.feeds.dead_letters import DeadLetters
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.history import HistoryAway
from services.stream.feeds.positions import Positions

log = structlog.get_logger()

# Between slices others get the loop; a record costs some 30 µs.
_SLICE = 100
_CATCH_UP_SECONDS = 5.0


class Broadcast:
    """Follows sluice.activities.v1 without a group. positions: partition → the next offset to be applied.

    When the index goes back behind the window it begins anew, since what the index forgot is gone from the window too.
    """

    def __init__(
        self,
        security: KafkaSecurity,
        engine: FeedEngine,
        dead_letters: DeadLetters,
        refreshed: Mapping[int, int],
        *,
        reach: int = 0,
    ) -> None:
        """Take refreshed, which is W, live. reach: how many records to begin before W, of all partitions: live feeds resume over them."""
        self.positions: Positions[int] = Positions()
        self.ready = False
        self._security = security
        self._engine = engine
        self._dead_letters = dead_letters
        self._refreshed = refreshed
        self._reach = reach
        self._anew = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled. Raises OffsetGone where the log was cut, KafkaError where it can't be read back."""
        while True:
            self.ready = False
            self._anew.clear()
            self._engine.reset()
            follower = Follower(self._security, await self._read_back(), self._follow, client_id="feeds-broadcast")
            self.ready = True
            following, anew = asyncio.ensure_future(follower.run()), asyncio.ensure_future(self._anew.wait())
            try:
                await asyncio.wait({following, anew}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                anew.cancel()
                if not following.done():
                    following.cancel()
                    await asyncio.gather(following, return_exceptions=True)
            if not following.cancelled() and (error := following.exception()):
                raise error
            log.warning("the index went back, the broadcast begins anew")

    def progressed(self) -> None:
        """Say that W has changed."""
        known = self._engine.window.refreshed
        if any(offset < known.get(partition, 0) for partition, offset in self._refreshed.items()):
            self._anew.set()
        elif self.ready:
            self._engine.advance(self._refreshed)

    async def catch_up(self, refreshed: Mapping[int, int]) -> None:
        """Return when everything below refreshed is applied. Raises HistoryAway when that takes too long."""
        try:
            await self.positions.wait(refreshed, _CATCH_UP_SECONDS)
        except TimeoutError:
            raise HistoryAway("history is ahead of the broadcast") from None

    async def _read_back(self) -> dict[TopicPartition, int]:
        partitions = await partitions_of(self._security, ACTIVITIES.name)
        reach = self._reach // max(1, len(partitions))
        start = {tp: max(0, self._refreshed.get(tp.partition, 0) - reach) for tp in partitions}
        self._engine.advance({tp.partition: offset for tp, offset in start.items()})
        poison: list[tuple[Record, Exception]] = []
        ends = await bulk_read(self._security, partitions, lambda _, records: poison.extend(self._apply(records)), start=start)
        await self._keep(poison)
        for tp, end in ends.items():
            self.positions.set(tp.partition, end)
        # What stands below W was read for live feeds only.
        self._engine.advance(self._refreshed)
        log.info("broadcast read back", records=sum(max(0, end - start[tp]) for tp, end in ends.items()))
        return ends

    async def _follow(self, tp: TopicPartition, records: Sequence[Record], position: int) -> None:
        for first in range(0, len(records), _SLICE):
            some = records[first : first + _SLICE]
            poison = self._apply(some)
            while self._engine.deliveries.deliver_slice():  # noqa: ASYNC110 - it lets others work, it waits for nothing
                await asyncio.sleep(0)
            self._engine.tidy_step()
            self.positions.set(tp.partition, some[-1].offset + 1)
            await self._keep(poison)
            await asyncio.sleep(0)
        self.positions.set(tp.partition, position)

    def _apply(self, records: Sequence[Record]) -> list[tuple[Record, Exception]]:
        poison: list[tuple[Record, Exception]] = []
        deliveries = 0
        for record in records:
            facts: Facts | None
            try:
                facts = facts_in(record.key, record.value)
            except ValueError as error:
                poison.append((record, error))
                facts = hidden_by(record.key)
            if facts is not None:
                deliveries += self._engine.arrive(record.partition, record.offset, facts, record.value or b"")
        READER_RECORDS.labels("feeds", ACTIVITIES.name).inc(len(records))
        FEEDS_DELIVERIES.inc(deliveries)
        return poison

    async def _keep(self, poison: Sequence[tuple[Record, Exception]]) -> None:
        for record, error in poison:
            await self._dead_letters.keep(record, error)
