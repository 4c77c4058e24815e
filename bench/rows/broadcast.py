"""How many activities a worker reads when few of its users follow their authors: every worker reads all of them.

The real worker, from Kafka's bytes on; the ceiling is the client alone, handing over the same records.
"""

import asyncio
from collections.abc import Mapping

from bench.activities import Stream
from bench.bare_consumer import bare_seconds
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
    values, ceilings = [], []
    with MeasuredFeeds(house, core=context.cores.measured, SLUICE_FEEDS__ACTIVE_READERS=_USERS) as feeds:
        feeds.activate(few)
        async with LogWriter(house.security) as writer:

            async def deliver(activities: int) -> tuple[float, WrittenTo]:
                written = await writer.write_at_once(stream.records(stream.write(activities)))
                applied = await asyncio.to_thread(feeds.applied, written.ends)
                await writer.settle(written.ends)
                return applied["monotonic"] - written.visible_at, written

            await deliver(count // 10)
            for _ in range(context.repeats):
                seconds, written = await deliver(count)
                values.append(count / seconds)
                bare = await asyncio.to_thread(
                    bare_seconds, context.bootstrap, ACTIVITIES.name, written.begins, written.ends, context.cores.measured
                )
                ceilings.append(count / bare)
    return Measured(values, ceilings, {"activities": count})


def run(context: Context) -> Mapping[str, Measured]:
    """Measure on servers."""
    return {BROADCAST.name: asyncio.run(_measured(context))}


ROW = Row((BROADCAST,), run, frozenset({Need.BROKER}), seconds=300)
