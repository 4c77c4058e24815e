"""A post to a million followers in the real worker: how soon the last of them can read it, and how soon others' posts show meanwhile.

Timelines of a hundred entries, full. Once a second the author with a million followers posts; others, with four hundred each, go on.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sluice.feed.v1 import feed_service_pb2 as pb

from bench.activities import BEGIN_MS, STEP_MS, Stream, Written
from bench.bare_append import BareAppends
from bench.edges import follows
from bench.engines import names_followed
from bench.figures import Figure, Measured, Target
from bench.grpc_load import Call, GrpcLoad, call_as, percentile
from bench.house import PARTITIONS, House
from bench.log_writer import LogWriter
from bench.measured_feeds import GET_FEED, MeasuredFeeds
from bench.population import Population, Spec
from bench.row import Context, Need, Row

CAPACITY, PAGE = 100, 10
VISIBLE = Figure("million_followers_visible_s", "s", Target(at_most=2), "a bare NumPy append to a million rows")
OTHERS = Figure(
    "million_followers_others_p99_ms", "ms", Target(at_most=1_000), "the same posts while nobody has a million followers"
)
_STAR = 0
# First, last and some in between: slices go by rows.
_WATCHERS = 3
_OTHERS_A_SECOND = 40
# Looking more often would be what is measured.
_LOOK_S, _HUNG_S = 0.02, 30.0


@dataclass(frozen=True, slots=True)
class _Watched:
    """An author and the callers who follow her."""

    author: int
    calls: tuple[Call, ...]


class _Posts:
    """Posts that nobody's are newer than, and how long it takes until callers see them."""

    def __init__(self, writer: LogWriter, load: GrpcLoad, population: Population, first: int) -> None:
        self._writer = writer
        self._load = load
        self._stream = Stream(population, partitions=PARTITIONS)
        self._next = first

    async def seconds(self, watched: _Watched) -> float:
        """Post as an author; return the seconds until all her callers have read it."""
        number, self._next = self._next, self._next + 1
        written = Written(number, watched.author, in_group=False, sort_time_ms=BEGIN_MS + STEP_MS * number)
        records = list(self._stream.records([written]))
        begun = time.perf_counter()
        sent = await self._writer.write(records)
        await asyncio.gather(*(self._until_read(call, records[0].key.decode(), begun) for call in watched.calls))
        took = time.perf_counter() - begun
        await self._writer.settle(sent.ends)
        return took

    async def _until_read(self, call: Call, activity_id: str, begun: float) -> None:
        while True:
            page = pb.GetFeedResponse.FromString(await self._load.once(GET_FEED, call))
            if len(page.entries) < PAGE or page.partial:
                raise AssertionError(f"a page of {len(page.entries)} entries, partial: {page.partial}")
            if any(entry.activity.id == activity_id for entry in page.entries):
                return
            if time.perf_counter() - begun > _HUNG_S:
                raise AssertionError(f"{activity_id} is not in the feed after {_HUNG_S:g} s")
            await asyncio.sleep(_LOOK_S)


async def _at_a_rate(posts: _Posts, all_watched: Sequence[_Watched], a_second: float, seconds: float) -> list[float]:
    """Let the watched post in turn at a rate; return how long each post took to be read."""
    begun, under_way = time.perf_counter(), list[asyncio.Task[float]]()
    for number in range(round(a_second * seconds)):
        await asyncio.sleep(max(0.0, begun + number / a_second - time.perf_counter()))
        under_way.append(asyncio.create_task(posts.seconds(all_watched[number % len(all_watched)])))
    return list(await asyncio.gather(*under_way))


async def _measured(context: Context) -> Mapping[str, Measured]:
    house = House(context)
    users = context.size(1_000_000, 100_000)
    star, known = Spec(users, kind="star"), Spec(users, kind="known")
    population, most_know = star.build(), known.build()
    filling = Stream(most_know, partitions=PARTITIONS)
    random = np.random.default_rng(12)
    watchers = [0, users - 1, *random.integers(1, users - 1, _WATCHERS).tolist()]
    readers = {author: int(random.choice(population.followers[author])) for author in range(1, population.authors)}
    settings = {"SLUICE_FEEDS__ACTIVE_READERS": users, "SLUICE_FEEDS__CAPACITY": CAPACITY}
    async with LogWriter(house.security) as writer:
        await writer.write(follows(sorted({*watchers, *readers.values()}), names_followed(population, most_know)))
        with MeasuredFeeds(house, settings, core=context.cores.measured) as feeds:
            context.say(f"{users:,} readers become active, their timelines are filled")
            feeds.activate(star, known)
            count = CAPACITY * 3 // 2
            # Read partition by partition they would push newer ones out of timelines as short as these.
            written = await writer.write(filling.records(filling.write(count)), step=PARTITIONS)
            await asyncio.to_thread(feeds.applied, written.ends)
            await writer.settle(written.ends)
            feeds.until_quiet()
            memory = feeds.ask("memory")
            async with GrpcLoad(feeds.address) as load:
                followers = _Watched(_STAR, tuple(_call(house, user) for user in watchers))
                others = [_Watched(author, (_call(house, reader),)) for author, reader in readers.items()]
                posts = _Posts(writer, load, population, count)
                with BareAppends(star, CAPACITY, context.cores.measured, context.folder) as bare:
                    measured = await _repeats(context, posts, followers, others, bare)
    notes = {
        "readers": users,
        "entries_a_timeline": CAPACITY,
        "resident_bytes": memory["resident"],
        "arrays_bytes": memory["arrays"],
    }
    return {name: Measured(values, ceilings, notes) for name, (values, ceilings) in measured.items()}


async def _repeats(
    context: Context, posts: _Posts, star: _Watched, others: Sequence[_Watched], bare: BareAppends
) -> dict[str, tuple[list[float], list[float]]]:
    seconds = context.size(6, 2)
    visible, appends, late, undisturbed = list[float](), list[float](), list[float](), list[float]()
    await _at_a_rate(posts, others, _OTHERS_A_SECOND, 1)
    for _ in range(context.repeats):
        both = asyncio.gather(_at_a_rate(posts, [star], 1, seconds), _at_a_rate(posts, others, _OTHERS_A_SECOND, seconds))
        stars, meanwhile = await both
        visible.append(max(stars))
        late.append(percentile(meanwhile, 0.99) * 1000)
        undisturbed.append(percentile(await _at_a_rate(posts, others, _OTHERS_A_SECOND, seconds), 0.99) * 1000)
        appends.append(bare.seconds([Written(0, _STAR, in_group=False, sort_time_ms=0)]))
    return {VISIBLE.name: (visible, appends), OTHERS.name: (late, undisturbed)}


def _call(house: House, user: int) -> Call:
    return call_as(house.token(f"user-{user}"), pb.GetFeedRequest(page_size=PAGE).SerializeToString())


def run(context: Context) -> Mapping[str, Measured]:
    """Measure both on one worker."""
    return asyncio.run(_measured(context))


ROW = Row((VISIBLE, OTHERS), run, frozenset({Need.BROKER}), seconds=500)
