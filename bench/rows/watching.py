"""Live feeds of the real worker: how soon what is written is at those who watch, and what a watcher costs who sees nothing happen.

Each activity is in the feeds of one watcher in fifty. Delivery counts from the moment before a record is sent to Kafka until a client
has the message with its body; the ceiling is a bare consumer of the same records. Every idle watcher has read her feed before and
holds a page of twenty; the ceiling is a stream of a bare grpc.aio server, and is taken off.
"""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from statistics import median

from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1 import watch_pb2

from bench.activities import LogRecord, Stream
from bench.bare_streams import METHOD
from bench.edges import follows
from bench.engines import names_followed
from bench.figures import Figure, Measured, Target
from bench.grpc_load import Call, GrpcLoad, call_as, percentile
from bench.house import PARTITIONS, House
from bench.live_streams import LiveStreams
from bench.log_writer import LogWriter
from bench.measured_feeds import GET_FEED, MeasuredFeeds
from bench.population import Spec
from bench.row import Context, Need, Row
from services.cli.processes import ProcessSpec, ServiceProcess, resident_bytes
from services.contracts.topics import ACTIVITIES
from services.runtime.bulk_read import partitions_of
from services.runtime.embedded import free_port
from services.runtime.follow import Follower

WATCH_FEED = "/sluice.feed.v1.FeedService/WatchFeed"
DELIVERY = Figure("watch_delivery_p99_ms", "ms", Target(at_most=250), "a bare aiokafka consumer of the same records")
IDLE = Figure("watcher_idle_bytes", "B", Target(at_most=6_000), "a stream of a bare grpc.aio server, taken off already")
_WATCHERS, _A_SECOND = 500, 200
_IDLE_WATCHERS = 5_000
_PAGE = 20


class _Clock:
    """When which record was sent, and how long it took to come. Records are told apart by their text."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.watched: list[float] = []
        self.bare: list[float] = []

    def take(self, message: bytes) -> None:
        """Count the entries of a message."""
        now = time.monotonic()
        for event in watch_pb2.WatchFeedResponse.FromString(message).events:
            if event.HasField("added") and (begun := self.sent.get(event.added.activity.text)) is not None:
                self.watched.append((now - begun) * 1000)

    async def follow(self, _: object, records: Sequence[object], __: int) -> None:
        """Count the records that the bare consumer got."""
        now = time.monotonic()
        for record in records:
            text = getattr(record, "key", b"").decode()
            if text in self.sent:
                self.bare.append((now - self.sent[text]) * 1000)


async def _delivered(context: Context, house: House, writer: LogWriter, feeds: MeasuredFeeds, stream: Stream) -> Measured:
    calls = [_call(house, number) for number in range(context.size(_WATCHERS, 50))]
    late, bare_late, notes = list[float](), list[float](), dict[str, float | str]()
    async with LiveStreams(feeds.address, WATCH_FEED) as streams:
        await streams.open(calls)
        clock = _Clock()
        streams.read_on(clock.take)
        ends = dict.fromkeys(await partitions_of(house.security, ACTIVITIES.name), 0)
        bare = asyncio.create_task(Follower(house.security, ends, clock.follow, client_id="bench-bare").run())
        for _ in range(context.repeats):
            clock.sent, clock.watched, clock.bare = {}, [], []
            before = feeds.ask("clock")
            await _written(writer, stream, clock, context.size(2_000, 200))
            after = feeds.ask("clock")
            busy = (after["processor"] - before["processor"]) / (after["monotonic"] - before["monotonic"])
            await asyncio.sleep(1.0)
            late.append(percentile(clock.watched, 0.99))
            bare_late.append(percentile(clock.bare, 0.99))
            notes = {"watchers": len(calls), "activities_a_second": _A_SECOND, "events": len(clock.watched)}
            notes |= {"p50_ms": median(clock.watched), "server_busy": busy}
        bare.cancel()
        await asyncio.gather(bare, return_exceptions=True)
    return Measured(late, bare_late, notes)


async def _written(writer: LogWriter, stream: Stream, clock: _Clock, count: int) -> None:
    """Write activities at a steady rate."""
    under_way: set[asyncio.Task[object]] = set()
    begun = time.monotonic()
    for number, one in enumerate(stream.write(count)):
        if (wait := begun + number / _A_SECOND - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        key, _ = stream.record(one)
        key, value = stream.record(one, text=key.decode())
        clock.sent[key.decode()] = time.monotonic()
        record = LogRecord(ACTIVITIES.name, one.number % PARTITIONS, 0, 0, key, value)
        under_way.add(asyncio.create_task(writer.write([record], 1)))
    await asyncio.gather(*under_way)


async def _idle(context: Context, house: House, feeds: MeasuredFeeds) -> Measured:
    count = context.size(_IDLE_WATCHERS, 500)
    calls = [_call(house, number) for number in range(count)]
    async with GrpcLoad(feeds.address) as load:
        for call in calls:
            page = pb.GetFeedResponse.FromString(await load.once(GET_FEED, call))
            if len(page.entries) != _PAGE:
                raise AssertionError(f"a page of {len(page.entries)} entries")
    watched = await _bytes_each(feeds.address, WATCH_FEED, feeds.pid, calls)
    port = free_port()
    spec = ProcessSpec("bare", "bench.bare_streams", (str(port), str(context.cores.measured)), {})
    bare = ServiceProcess(spec, os.environ, house.logs)
    bare.start()
    try:
        each = await _bytes_each(f"127.0.0.1:{port}", METHOD, bare.pid, calls)
    finally:
        bare.stop()
        bare.wait(20.0)
    return Measured([watched - each], [each], {"watchers": count, "with_its_stream": watched})


async def _bytes_each(address: str, method: str, pid: int, calls: Sequence[Call]) -> float:
    """Return what each of many streams adds to the memory of a process. The first hundred are not counted: they fill pools."""
    async with LiveStreams(address, method) as streams:
        await streams.open(calls[:100])
        await asyncio.sleep(1.0)
        before = resident_bytes(pid)
        await streams.open(calls[100:])
        await asyncio.sleep(1.0)
        return (resident_bytes(pid) - before) / (len(calls) - 100)


def _call(house: House, number: int) -> Call:
    return call_as(house.token(f"user-{number}"), pb.WatchFeedRequest(page_size=_PAGE).SerializeToString())


async def _measured(context: Context) -> Mapping[str, Measured]:
    house = House(context)
    spec, known = Spec(context.size(5_000, 500), mean=100), Spec(context.size(5_000, 500), kind="known")
    populations = [spec.build(), known.build()]
    settings = {
        "SLUICE_FEEDS__ACTIVE_READERS": spec.users,
        "SLUICE_WATCH__WATCHERS": 10_000,
        "SLUICE_WATCH__KEEP_ALIVE_S": 3_600,
        "SLUICE_GRPC__MAX_CONCURRENT_RPCS": 20_000,
    }
    async with LogWriter(house.security) as writer:
        await writer.write(follows(range(spec.users), names_followed(*populations)))
        with MeasuredFeeds(house, settings, core=context.cores.measured) as feeds:
            feeds.activate(spec, known)
            filling = Stream(populations[1], partitions=PARTITIONS)
            written = await writer.write(filling.records(filling.write(100)))
            await asyncio.to_thread(feeds.applied, written.ends)
            feeds.until_quiet()
            measured: dict[str, Measured] = {}
            if context.wants(IDLE.name):
                measured[IDLE.name] = await _idle(context, house, feeds)
            if context.wants(DELIVERY.name):
                stream = Stream(populations[0], partitions=PARTITIONS, first=1_000)
                measured[DELIVERY.name] = await _delivered(context, house, writer, feeds, stream)
    return measured


def run(context: Context) -> Mapping[str, Measured]:
    """Measure on servers."""
    return asyncio.run(_measured(context))


ROW = Row((DELIVERY, IDLE), run, frozenset({Need.BROKER, Need.INDEX}), seconds=600)
