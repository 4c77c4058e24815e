"""How many activities a worker reads when few of its users follow their authors: every worker reads all of them.

The real worker, from Kafka's bytes on; the ceiling is the client alone, handing over the same records. The figures count processor
time, of all threads; by the clock is in the notes.
"""

import asyncio
from collections.abc import Mapping
from statistics import median

from bench.activities import Stream
from bench.bare_consumer import bare_read, spans
from bench.figures import Figure, Measured, Target
from bench.house import PARTITIONS, House
from bench.log_writer import LogWriter, WrittenTo
from bench.measured_feeds import MeasuredFeeds
from bench.population import Spec
from bench.row import Context, Need, Row
from services.contracts.topics import ACTIVITIES

BROADCAST = Figure(
    "broadcast_activities_per_s",
    "1/s",
    Target(at_least=60_000, ratio_at_least=0.2),
    "aiokafka's getmany of the same records, nothing else",
)
# Every author has one or two followers here.
_USERS, _MEAN, _MOST = 20_000, 2, 10


async def _measured(context: Context) -> Measured:
    house, few = House(context), Spec(_USERS, mean=_MEAN, most=_MOST)
    stream = Stream(few.build(), partitions=PARTITIONS)
    count = context.size(200_000, 40_000)
    rates, bare_rates, by_the_clock = list[float](), list[float](), list[float]()
    with MeasuredFeeds(house, {"SLUICE_FEEDS__ACTIVE_READERS": _USERS}, core=context.cores.measured) as feeds:
        feeds.activate(few)
        async with LogWriter(house.security) as writer:
            await _delivered(feeds, writer, stream, count // 10)
            for _ in range(context.repeats):
                seconds, processor_seconds, written = await _delivered(feeds, writer, stream, count)
                rates.append(count / processor_seconds)
                by_the_clock.append(count / seconds)
                to_read = spans(ACTIVITIES.name, written.begins, written.ends)
                bare = await asyncio.to_thread(bare_read, context.bootstrap, to_read, context.cores.measured)
                bare_rates.append(count / bare.processor_seconds)
    return Measured(rates, bare_rates, {"activities": count, "by_the_clock": median(by_the_clock)})


async def _delivered(feeds: MeasuredFeeds, writer: LogWriter, stream: Stream, activities: int) -> tuple[float, float, WrittenTo]:
    """Deliver activities; return the seconds by the clock and those of the worker's processor, and where the records are."""
    before = feeds.ask("clock")["processor"]
    written = await writer.write_at_once(stream.records(stream.write(activities)))
    applied = await asyncio.to_thread(feeds.applied, written.ends)
    await writer.settle(written.ends)
    return applied["monotonic"] - written.visible_at, applied["processor"] - before, written


def run(context: Context) -> Mapping[str, Measured]:
    """Measure on servers."""
    return {BROADCAST.name: asyncio.run(_measured(context))}


ROW = Row((BROADCAST,), run, frozenset({Need.BROKER}), seconds=300)
