"""What needs the index, which holds a million documents: feeds of people who follow five hundred. One caller at a time.

A timeline that isn't there, a page whose bodies are all missing, and what somebody has come to follow.

The search service and Elasticsearch run on the core of the load, the feeds worker on its own.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence

from elasticsearch import AsyncElasticsearch
from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1 import relation_service_pb2

from bench.activities import LogRecord
from bench.edges import edge, edges_of
from bench.figures import Figure, Measured, Target
from bench.grpc_load import Call, GrpcLoad, call_as, percentile
from bench.house import House, service
from bench.log_writer import LogWriter
from bench.measured_feeds import FOLLOW, GET_FEED, MeasuredFeeds
from bench.million_documents import activity_at, load, reader_following
from bench.row import Context, Need, Row
from services.cli.apply import index_of
from services.contracts.activity import Activity, Scope
from services.contracts.matching import HOME_VERBS, delivery_names, targets_of
from services.contracts.relations import PersonRelations, RelationKind
from services.runtime.elastic import build_client
from services.runtime.embedded import free_port
from services.search.documents import BODY
from services.search.queries import HistoryAsk, Reader, history_body

CAPACITY, FOLLOWED, PAGE = 800, 500, 20
REGENERATE = Figure(
    "feed_regenerate_p99_ms",
    "ms",
    Target(at_most=150),
    "Elasticsearch's answer to the same question: the newest 800 of 500 names",
)
BACKFILL = Figure(
    "follow_backfill_p99_ms", "ms", Target(at_most=500), "an acknowledged write and Elasticsearch's answer for the followed alone"
)
COLD = Figure(
    "getfeed_cold_bodies_p99_ms", "ms", Target(at_most=60), "Elasticsearch's answer to a question for the same twenty documents"
)
_NEWEST = 200
_WARM_UP = 30


class _Readers:
    """People who follow five hundred each, and their calls. Each is used once."""

    def __init__(self, house: House, count: int) -> None:
        self.all = [reader_following(FOLLOWED, number) for number in range(count)]
        self._calls = iter(zip(self.all, [self._call(house, reader) for reader in self.all], strict=True))

    def take(self, count: int) -> list[tuple[PersonRelations, Call]]:
        """Return the next ones."""
        return [next(self._calls) for _ in range(count)]

    def edges(self) -> Iterator[LogRecord]:
        """Yield what they follow and belong to."""
        for reader in self.all:
            yield from edges_of(reader.user, RelationKind.FOLLOWS, reader.follows)
            yield from edges_of(reader.user, RelationKind.MEMBER_OF, reader.groups)

    @staticmethod
    def _call(house: House, reader: PersonRelations) -> Call:
        request = pb.GetFeedRequest(page_size=PAGE).SerializeToString()
        return call_as(house.token(reader.user.removeprefix("person:")), request)


async def _measured(context: Context) -> Mapping[str, Measured]:
    house = House(context)
    count, a_repeat = context.size(1_000_000, 20_000), context.size(150, 20)
    client = build_client(house.settings.elasticsearch)
    try:
        context.say(f"{count:,} documents are indexed")
        # Until the measuring begins its core helps.
        context.cores.measure_here()
        rate = await load(client, index_of(house.settings), count)
        context.cores.load_here()
        context.say(f"that were {rate:,.0f} a second")
        readers = _Readers(house, 2 * a_repeat * context.repeats + _WARM_UP)
        port = free_port()
        environment = house.environment("search-0", SLUICE_GRPC__PORT=port)
        search = service(house, "search", "services.search", ("--role", "api"), environment)
        search.start()
        try:
            async with LogWriter(house.security) as writer:
                await writer.write(readers.edges())
                await asyncio.to_thread(search.wait_ready, time.monotonic() + 60)
                settings = {"SLUICE_PEERS__SEARCH": f"127.0.0.1:{port}", "SLUICE_FEEDS__CAPACITY": CAPACITY}
                with MeasuredFeeds(house, settings, core=context.cores.measured) as feeds:
                    feeds.until_quiet()
                    async with GrpcLoad(feeds.address, connections=1) as calls:
                        bench = _Bench(house, client, writer, calls, count)
                        await bench.warm_up(readers.take(_WARM_UP))
                        regenerate = await bench.regenerate(readers, a_repeat, context.repeats)
                        cold = await bench.cold_bodies(feeds, a_repeat, context.repeats)
                        backfill = await bench.backfill(a_repeat, context.repeats)
                        return {REGENERATE.name: regenerate, BACKFILL.name: backfill, COLD.name: cold}
        finally:
            search.stop()
            search.wait(20.0)
    finally:
        await client.close()


class _Bench:
    """Reads and follows, one after the other, and what the servers alone take for the same."""

    def __init__(self, house: House, client: AsyncElasticsearch, writer: LogWriter, calls: GrpcLoad, documents: int) -> None:
        self._client = client
        self._alias = index_of(house.settings).alias
        self._writer = writer
        self._calls = calls
        self._newest = [activity_at(number, documents) for number in range(documents - 1, documents - _NEWEST, -1)]
        self._warm: list[tuple[PersonRelations, Call]] = []

    async def warm_up(self, readers: Sequence[tuple[PersonRelations, Call]]) -> None:
        """Open connections and compile queries."""
        await self._cold_reads(readers)
        await self._questions(readers)
        await self._follows(len(readers) // 3)
        await self._writes_and_questions(len(readers))

    async def regenerate(self, readers: _Readers, count: int, repeats: int) -> Measured:
        """Measure first reads, and Elasticsearch alone for as many other readers."""
        values, ceilings = [], []
        for _ in range(repeats):
            values.append(percentile(await self._cold_reads(readers.take(count)), 0.99))
            ceilings.append(percentile(await self._questions(readers.take(count)), 0.99))
        return Measured(values, ceilings, {"reads": count})

    async def cold_bodies(self, feeds: MeasuredFeeds, count: int, repeats: int) -> Measured:
        """Measure pages of warm timelines whose bodies are all gone, one at a time, and Elasticsearch alone."""
        values, ceilings = [], []
        for _ in range(repeats):
            pages = [await self._bodiless(feeds, self._warm[number % len(self._warm)][1]) for number in range(count)]
            values.append(percentile([took for took, _ in pages], 0.99))
            ceilings.append(percentile([await self._documents(ids) for _, ids in pages], 0.99))
        return Measured(values, ceilings, {"reads": count})

    async def _bodiless(self, feeds: MeasuredFeeds, call: Call) -> tuple[float, list[str]]:
        if left := feeds.ask("drop_bodies"):
            raise AssertionError(f"{left} bytes of bodies are still there")
        begun = time.perf_counter()
        answer = await self._calls.once(GET_FEED, call)
        return (time.perf_counter() - begun) * 1000, [entry.activity.id for entry in _full(answer).entries]

    async def _documents(self, ids: Sequence[str]) -> float:
        begun = time.perf_counter()
        await self._client.mget(index=self._alias, ids=ids, source=[BODY])
        return (time.perf_counter() - begun) * 1000

    async def backfill(self, count: int, repeats: int) -> Measured:
        """Measure follows of readers whose feeds are warm, and the servers alone."""
        values, ceilings = [], []
        for _ in range(repeats):
            values.append(percentile(await self._follows(count), 0.99))
            ceilings.append(percentile(await self._writes_and_questions(count), 0.99))
        return Measured(values, ceilings, {"follows": count})

    async def _cold_reads(self, readers: Sequence[tuple[PersonRelations, Call]]) -> list[float]:
        took = []
        for reader, call in readers:
            begun = time.perf_counter()
            answer = await self._calls.once(GET_FEED, call)
            took.append((time.perf_counter() - begun) * 1000)
            _full(answer)
            self._warm.append((reader, call))
        return took

    async def _follows(self, count: int) -> list[float]:
        took = []
        for _ in range(count):
            reader, call = self._warm.pop(0)
            wanted = self._unfollowed(reader)
            if wanted.actor is None:
                raise AssertionError("an activity of nobody")
            request = relation_service_pb2.FollowRequest(object=wanted.actor.name).SerializeToString()
            begun = time.perf_counter()
            await self._calls.once(FOLLOW, Call(request, call.metadata))
            while wanted.id not in {entry.activity.id for entry in _full(await self._calls.once(GET_FEED, call)).entries}:
                continue
            took.append((time.perf_counter() - begun) * 1000)
        return took

    async def _questions(self, readers: Sequence[tuple[PersonRelations, Call]]) -> list[float]:
        took = []
        for reader, _ in readers:
            begun = time.perf_counter()
            await self._ask(HistoryAsk(delivery_names(reader), skeletons=True), reader)
            took.append((time.perf_counter() - begun) * 1000)
        return took

    async def _writes_and_questions(self, count: int) -> list[float]:
        took = []
        for number in range(count):
            nothing = edge(f"person:nobody-{number}", RelationKind.FOLLOWS, "tag:nothing")
            author = self._newest[number % len(self._newest)].actor
            begun = time.perf_counter()
            await self._writer.write([nothing])
            await self._ask(HistoryAsk([author.name if author else ""], skeletons=True), PersonRelations("person:nobody"))
            took.append((time.perf_counter() - begun) * 1000)
        return took

    async def _ask(self, ask: HistoryAsk, reader: PersonRelations) -> None:
        body = history_body(ask, Reader(reader.user, reader.employee, reader.groups), size=CAPACITY + 1)
        await self._client.search(index=self._alias, body=body)

    def _unfollowed(self, reader: PersonRelations) -> Activity:
        """Return the newest activity that following its actor, and nothing else, brings into a reader's feed."""
        names = delivery_names(reader)
        return next(
            activity
            for activity in self._newest
            if activity.audience.scope is Scope.PUBLIC and activity.verb in HOME_VERBS and names.isdisjoint(targets_of(activity))
        )


def _full(answer: bytes) -> pb.GetFeedResponse:
    """Return a page that has all its entries."""
    page = pb.GetFeedResponse.FromString(answer)
    if len(page.entries) != PAGE or page.partial:
        raise AssertionError(f"a page of {len(page.entries)} entries, partial: {page.partial}")
    return page


def run(context: Context) -> Mapping[str, Measured]:
    """Measure all on one index."""
    return asyncio.run(_measured(context))


ROW = Row((REGENERATE, BACKFILL, COLD), run, frozenset({Need.BROKER, Need.INDEX}), seconds=900)
