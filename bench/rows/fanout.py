"""Deliveries a second in the real worker, from Kafka's bytes to full timelines, and what an entry of them takes.

200,000 readers, authors with 400 followers on average and up to 20,000; one activity in twenty is late, one in ten goes to an author's
group as well, whose members partly follow the author. The ceiling of the deliveries is a bare append to the same followers. Rates count
processor time, of all threads; by the clock is in the notes.
"""

import asyncio
from collections.abc import Mapping
from statistics import median

from bench.activities import Stream, Written
from bench.bare_append import BareAppends
from bench.figures import Figure, Measured, Target
from bench.house import PARTITIONS, House
from bench.log_writer import LogWriter, WrittenTo
from bench.measured_feeds import MeasuredFeeds
from bench.population import Population, Spec
from bench.row import Context, Need, Row

CAPACITY = 800
FANOUT = Figure(
    "fanout_deliveries_per_s", "1/s", Target(at_least=4_000_000, ratio_at_least=0.6), "a bare NumPy append to the same followers"
)
BYTES = Figure(
    "timeline_bytes_per_entry", "bytes", Target(at_most=16), "the arrays alone: timelines, follower index, activities' columns"
)
# Followers of one author may follow more or fewer others; with so much more than the mean all timelines are full.
_SURPLUS = 1.3


class _Filled:
    """The worker, its timelines full, and the writer of the log."""

    def __init__(self, context: Context, feeds: MeasuredFeeds, writer: LogWriter, population: Population) -> None:
        self._context = context
        self._feeds = feeds
        self._writer = writer
        self.population = population
        self.stream = Stream(population, partitions=PARTITIONS)

    async def fill(self) -> None:
        """Write what fills all timelines; the next transaction is written while the last one is delivered."""
        mean = sum(map(len, self.population.followers[: self.population.authors])) / self.population.authors
        count = round(self.population.users * CAPACITY / mean * _SURPLUS)
        self._context.say(f"timelines are filled by {count:,} activities")
        step, last = max(count // 10, 1), None
        for _ in range(0, count, step):
            written = await self._writer.write(self.stream.records(self.stream.write(step)))
            if last is not None:
                await self.applied(last)
            last = written
        if last is not None:
            await self.applied(last)

    async def applied(self, written: WrittenTo) -> dict[str, float]:
        """Wait until a transaction is in the timelines; the index shows it a moment later."""
        clock = await asyncio.to_thread(self._feeds.applied, written.ends)
        await self._writer.settle(written.ends)
        return clock

    async def seconds(self, written: list[Written]) -> tuple[float, float]:
        """Deliver activities; return the seconds by the clock, and those of the worker's processor."""
        before = self._feeds.ask("clock")["processor"]
        sent = await self._writer.write_at_once(self.stream.records(written))
        clock = await self.applied(sent)
        return clock["monotonic"] - sent.visible_at, clock["processor"] - before


async def _measured(context: Context) -> Mapping[str, Measured]:
    house = House(context)
    spec = Spec(context.size(200_000, 20_000))
    population, count = spec.build(), context.size(40_000, 8_000)
    rates, bare_rates, by_the_clock, sizes, arrays = (list[float]() for _ in range(5))
    settings = {"SLUICE_FEEDS__ACTIVE_READERS": spec.users, "SLUICE_FEEDS__CAPACITY": CAPACITY}
    with (
        MeasuredFeeds(house, settings, core=context.cores.measured) as feeds,
        BareAppends(spec, CAPACITY, context.cores.measured, context.folder) as bare,
    ):
        before = feeds.ask("memory")
        context.say(f"{spec.users:,} readers become active")
        feeds.activate(spec)
        async with LogWriter(house.security) as writer:
            filled = _Filled(context, feeds, writer, population)
            await filled.fill()
            for _ in range(context.repeats):
                written = filled.stream.write(count)
                deliveries = sum(len(population.rows_for(one.author, in_group=one.in_group)) for one in written)
                seconds, processor_seconds = await filled.seconds(written)
                rates.append(deliveries / processor_seconds)
                by_the_clock.append(deliveries / seconds)
                bare_rates.append(deliveries / bare.seconds(written))
                memory = feeds.ask("memory")
                sizes.append((memory["resident"] - before["resident"] - memory["bodies"]) / memory["entries"])
                arrays.append(memory["arrays"] / memory["entries"])
    notes = {
        "by_the_clock": median(by_the_clock),
        "deliveries": deliveries,
        "activities": count,
        "readers": spec.users,
    }
    apart = {
        "bodies_bytes": memory["bodies"],
        "entries": memory["entries"],
        "activities": memory["activities"],
        "resident_bytes": memory["resident"],
    }
    return {FANOUT.name: Measured(rates, bare_rates, notes), BYTES.name: Measured(sizes, arrays, apart)}


def run(context: Context) -> Mapping[str, Measured]:
    """Measure both on one worker."""
    return asyncio.run(_measured(context))


ROW = Row((FANOUT, BYTES), run, frozenset({Need.BROKER}), seconds=600)
