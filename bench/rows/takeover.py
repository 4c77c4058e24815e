"""Workers that go and come: how soon a million edges are taken over, and whether a kill -9 is noticed where two groups serve.

Taken over means that reads are answered after the partitions were assigned. The index is empty: such a read has asked it in vain.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import grpc
import numpy as np
from sluice.feed.v1 import feed_service_pb2 as pb

from bench.activities import LogRecord
from bench.bare_consumer import Span, bare_read, spans
from bench.edges import edge
from bench.figures import Figure, Measured, Target
from bench.grpc_load import Call, GrpcLoad, call_as
from bench.house import PARTITIONS, House, service
from bench.measured_feeds import GET_FEED, MeasuredFeeds
from bench.population import user_name
from bench.row import Context, Need, Row
from services.contracts.partitions import partition_of
from services.contracts.relations import RelationKind
from services.contracts.topics import RELATIONS, RELATIONS_INVERSE
from services.runtime.appends import append_confirmed
from services.runtime.confirmed_sends import build_producer
from services.runtime.embedded import free_port
from services.runtime.records import Outgoing, TopicPartition
from services.stream.feeds.inverse_records import InverseRecords
from services.stream.feeds.relation_state import RelationState

TAKEOVER = Figure("takeover_s", "s", Target(at_most=5), "aiokafka's getmany of the same edges, both sides, nothing else")
UNAVAILABLE = Figure(
    "takeover_unavailable_s", "s", Target(at_most=1), "the longest wait of the same calls while nobody is killed"
)
_EDGES_A_USER = 50
_PROBES_A_SECOND = 40
# Longer than a session, a rebalance and reading back take together.
_AFTER_KILL_S, _UNDISTURBED_S = 14.0, 4.0
_LOOK_S, _HUNG_S = 0.02, 90.0


async def _write_edges(house: House, users: int) -> list[Span]:
    """Write what users follow, each fifty others, at both sides; return what a worker that owns all of it reads back."""
    random = np.random.default_rng(14)
    by_partition: defaultdict[int, list[LogRecord]] = defaultdict(list)
    for user in range(users):
        subject = user_name(user)
        for other in random.integers(0, users, _EDGES_A_USER).tolist():
            record = edge(subject, RelationKind.FOLLOWS, user_name(other))
            by_partition[record.partition].append(record)
    inverse: defaultdict[int, list[Outgoing]] = defaultdict(list)
    derive = InverseRecords(RelationState(PARTITIONS)).derived
    producer = build_producer(house.security, "bench-edges")
    await producer.start()
    try:
        ends = {}
        for partition, records in by_partition.items():
            offsets = await append_confirmed(producer, TopicPartition(RELATIONS.name, partition), records)
            ends[partition] = offsets[-1] + 1
            for record, offset in zip(records, offsets, strict=True):
                outgoing = derive(record._replace(offset=offset))
                if outgoing is not None and outgoing.partition is not None:
                    inverse[outgoing.partition].append(outgoing)
        inverse_ends = {}
        for partition, some in inverse.items():
            offsets = await append_confirmed(producer, TopicPartition(RELATIONS_INVERSE.name, partition), some)
            inverse_ends[partition] = offsets[-1] + 1
    finally:
        await producer.stop()
    return [*spans(RELATIONS.name, {}, ends), *spans(RELATIONS_INVERSE.name, {}, inverse_ends)]


@contextmanager
def _searching(house: House) -> Iterator[str]:
    """Run the search service on the empty index; gives its address."""
    port = free_port()
    process = service(
        house, "search", "services.search", ("--role", "api"), house.environment("search-0", SLUICE_GRPC__PORT=port)
    )
    process.start()
    try:
        process.wait_ready(time.monotonic() + _HUNG_S)
        yield f"127.0.0.1:{port}"
    finally:
        process.stop()
        process.wait(20.0)


async def _takeover(context: Context, house: House, search: str, users: int, to_read: list[Span]) -> Measured:
    values, ceilings = [], []
    feeds = MeasuredFeeds(house, {"SLUICE_PEERS__SEARCH": search}, core=context.cores.measured)
    calls = [_call(house, user) for user in _one_of_each_partition(users)]
    with feeds:
        # What a predecessor would have committed.
        feeds.until_quiet(_HUNG_S)
        for _ in range(context.repeats):
            feeds.kill()
            await asyncio.to_thread(feeds.start)
            async with GrpcLoad(feeds.address, connections=1) as load:
                await asyncio.gather(*(_answered(load, call) for call in calls))
                answered = time.monotonic()
            values.append(answered - feeds.ask("assigned")["monotonic"])
            bare = await asyncio.to_thread(bare_read, context.bootstrap, to_read, context.cores.measured)
            ceilings.append(bare.seconds)
            feeds.until_quiet(_HUNG_S)
    return Measured(values, ceilings, {"edges": users * _EDGES_A_USER})


async def _unavailable(context: Context, house: House, search: str, users: int) -> Measured:
    """Kill one of group a's two workers; ask the other one for the users of the killed."""
    ports = [free_port() for _ in range(3)]
    (other_core, *_), core = context.cores.load, context.cores.measured
    shared = {"SLUICE_PEERS__SEARCH": search}
    first = {**shared, "SLUICE_FEEDS__GROUP": "a", "SLUICE_PEERS__FEEDS_REPLICA": f"127.0.0.1:{ports[2]}"}
    second = {**shared, "SLUICE_FEEDS__GROUP": "b", "SLUICE_PEERS__FEEDS_REPLICA": f"127.0.0.1:{ports[0]}"}
    values, ceilings = [], []
    with ExitStack() as stack:
        asked = stack.enter_context(MeasuredFeeds(house, first, core=core, instance="feeds-a-0", port=ports[0]))
        killed = stack.enter_context(MeasuredFeeds(house, first, core=other_core, instance="feeds-a-1", port=ports[1]))
        replica = stack.enter_context(MeasuredFeeds(house, second, core=other_core, instance="feeds-b-0", port=ports[2]))
        for _ in range(context.repeats):
            for worker in (asked, killed, replica):
                worker.until_quiet(_HUNG_S)
            owned = killed.ask("assigned")["owned"]
            calls = [_call(house, user) for user in _one_of_each_partition(users) if _partition(user) in owned]
            if not calls:
                raise AssertionError("the worker to be killed owns nothing")
            async with GrpcLoad(asked.address, connections=1) as load:
                ceilings.append(max(await _waits(load, calls, _UNDISTURBED_S)))
                waiting = asyncio.create_task(_waits(load, calls, _AFTER_KILL_S))
                await asyncio.sleep(0.5)
                await asyncio.to_thread(killed.kill)
                values.append(max(await waiting))
            await asyncio.to_thread(killed.start)
            killed.until_ready(time.monotonic() + _HUNG_S)
    return Measured(values, ceilings, {"edges": users * _EDGES_A_USER})


async def _waits(load: GrpcLoad, calls: list[Call], seconds: float) -> list[float]:
    """Call in turn at a steady rate; return how long each waited for an answer, from when it was due, however often it asked."""
    begun, under_way = time.perf_counter(), list[asyncio.Task[float]]()

    async def wait(call: Call, due: float) -> float:
        await _answered(load, call)
        return time.perf_counter() - due

    for number in range(round(seconds * _PROBES_A_SECOND)):
        due = begun + number / _PROBES_A_SECOND
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        under_way.append(asyncio.create_task(wait(calls[number % len(calls)], due)))
    return list(await asyncio.gather(*under_way))


async def _answered(load: GrpcLoad, call: Call) -> None:
    """Return when a page was answered in full; not being available is the only other answer that may come meanwhile."""
    deadline = time.monotonic() + _HUNG_S
    while True:
        try:
            if not pb.GetFeedResponse.FromString(await load.once(GET_FEED, call)).partial:
                return
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > deadline:
                raise
        await asyncio.sleep(_LOOK_S)


def _one_of_each_partition(users: int) -> list[int]:
    return list({_partition(user): user for user in range(min(users, 200))}.values())


def _partition(user: int) -> int:
    return partition_of(user_name(user), PARTITIONS)


def _call(house: House, user: int) -> Call:
    return call_as(house.token(f"user-{user}"), pb.GetFeedRequest(page_size=20).SerializeToString())


async def _measured(context: Context) -> Mapping[str, Measured]:
    house = House(context)
    await asyncio.to_thread(house.make_index)
    users = context.size(20_000, 1_000)
    context.say(f"{users * _EDGES_A_USER:,} edges are written")
    to_read = await _write_edges(house, users)
    measured = {}
    with _searching(house) as search:
        if context.wants(TAKEOVER.name):
            measured[TAKEOVER.name] = await _takeover(context, house, search, users, to_read)
        if context.wants(UNAVAILABLE.name):
            measured[UNAVAILABLE.name] = await _unavailable(context, house, search, users)
    return measured


def run(context: Context) -> Mapping[str, Measured]:
    """Measure what is wanted."""
    return asyncio.run(_measured(context))


ROW = Row((TAKEOVER, UNAVAILABLE), run, frozenset({Need.BROKER, Need.INDEX}), seconds=500)
