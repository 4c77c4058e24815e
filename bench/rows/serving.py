"""First pages of twenty entries from one server process, everything in memory: how many a second, and how soon at half of that.

The ceiling is an echo: an RPC of the same server, behind the same interceptors, that answers as many bytes without doing anything.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median

import numpy as np
from sluice.feed.v1 import feed_service_pb2 as pb

from bench.activities import Stream
from bench.edges import follows
from bench.engines import names_followed
from bench.figures import Figure, Measured, Target
from bench.grpc_load import Call, GrpcLoad, call_as, percentile
from bench.house import PARTITIONS, House
from bench.log_writer import LogWriter
from bench.measured_feeds import ECHO, GET_FEED, MeasuredFeeds
from bench.population import Spec
from bench.row import Context, Need, Row

CAPACITY, PAGE = 800, 20
QPS = Figure(
    "getfeed_qps", "1/s", Target(ratio_at_least=0.8), "an echo of as many bytes behind the same interceptors of the same server"
)
P99 = Figure("getfeed_p99_ms", "ms", Target(at_most=25), "the echo at the same rate: half of getfeed_qps")
# Enough that answers differ, few enough that the server remembers every token.
_READERS = 2_000
_IN_FLIGHT = 32


async def _measured(context: Context) -> Mapping[str, Measured]:
    house = House(context)
    spec, known = Spec(context.size(200_000, 20_000)), Spec(context.size(200_000, 20_000), kind="known")
    populations = [spec.build(), known.build()]
    readers: list[int] = np.random.default_rng(10).choice(spec.users, _READERS, replace=False).tolist()
    followed = names_followed(*populations)
    settings = {"SLUICE_FEEDS__ACTIVE_READERS": spec.users, "SLUICE_FEEDS__CAPACITY": CAPACITY}
    async with LogWriter(house.security) as writer:
        await writer.write(follows(readers, followed))
        del followed
        with MeasuredFeeds(house, settings, core=context.cores.measured) as feeds:
            context.say(f"{spec.users:,} readers become active, their timelines are filled")
            feeds.activate(spec, known)
            count = CAPACITY * 3 // 2
            filling, tail = (
                Stream(populations[1], partitions=PARTITIONS),
                Stream(populations[0], partitions=PARTITIONS, first=count),
            )
            for stream, activities in ((filling, count), (tail, spec.users // 10)):
                written = await writer.write(stream.records(stream.write(activities)))
                await asyncio.to_thread(feeds.applied, written.ends)
                await writer.settle(written.ends)
            calls = [call_as(house.token(f"user-{reader}"), _request()) for reader in readers]
            return await _served(context, feeds, calls)


async def _served(context: Context, feeds: MeasuredFeeds, calls: Sequence[Call]) -> Mapping[str, Measured]:
    seconds = context.size(5, 1)
    feeds.until_quiet()
    async with GrpcLoad(feeds.address) as load:
        await _see_pages(load, calls)
        answers = sorted([await load.once(GET_FEED, call) for call in calls[:100]], key=len)
        typical = answers[len(answers) // 2]
        feeds.echo(typical)
        take = partial(_rate, load, feeds, calls, seconds)
        qps, echoes, busy, cost = list[float](), list[float](), list[float](), list[float]()
        for _ in range(context.repeats):
            for method, rates in ((GET_FEED, qps), (ECHO, echoes)):
                rate, share = await take(method)
                rates.append(rate)
                busy.append(share)
                cost.append(share / rate * 1e6)
        # Well below 1 the callers were slow, or somebody else had the core: then costs tell more than rates.
        notes = {"answer_bytes": len(typical), "server_busy": median(busy)}
        notes |= {"processor_us": median(cost[::2]), "echo_processor_us": median(cost[1::2])}
        measured = {QPS.name: Measured(qps, echoes, notes)}
        if context.wants(P99.name):
            half = median(qps) / 2
            late, echo_late = list[float](), list[float]()
            for _ in range(context.repeats):
                for method, percentiles in ((GET_FEED, late), (ECHO, echo_late)):
                    took = await load.latencies(method, calls, a_second=half, seconds=2 * seconds)
                    percentiles.append(percentile(took, 0.99))
            measured[P99.name] = Measured(late, echo_late, {"calls_a_second": half})
    return measured


async def _rate(load: GrpcLoad, feeds: MeasuredFeeds, calls: Sequence[Call], seconds: float, method: str) -> tuple[float, float]:
    """Return calls a second, and which share of its core the server used."""
    before = feeds.ask("clock")
    rate = await load.rate(method, calls, in_flight=_IN_FLIGHT, seconds=seconds)
    after = feeds.ask("clock")
    return rate, (after["processor"] - before["processor"]) / (after["monotonic"] - before["monotonic"])


async def _see_pages(load: GrpcLoad, calls: Sequence[Call]) -> None:
    """Ask for every reader's page once: each must be full and come from the timeline. It warms what a server keeps warm."""
    for call in calls:
        page = pb.GetFeedResponse.FromString(await load.once(GET_FEED, call))
        if len(page.entries) != PAGE or page.partial:
            raise AssertionError(f"a page of {len(page.entries)} entries, partial: {page.partial}")


def _request() -> bytes:
    return pb.GetFeedRequest(page_size=PAGE).SerializeToString()


def run(context: Context) -> Mapping[str, Measured]:
    """Measure both on one server."""
    return asyncio.run(_measured(context))


ROW = Row((QPS, P99), run, frozenset({Need.BROKER}), seconds=400)
