"""From acceptance to what readers see, through ingest, refine and the feeds worker, while a thousand activities a second are published.

A reader's page is asked for every twenty milliseconds, later at every tenth of what it took so far, until it shows a post, an edit of it,
and no longer a group's post after she left.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from sluice.feed.v1 import feed_service_pb2, relation_service_pb2
from sluice.ingest.v1 import publish_service_pb2

from bench.activities import Stream
from bench.edges import edge, edges_of
from bench.figures import Figure, Measured, Target
from bench.grpc_load import Call, GrpcLoad, call_as, percentile
from bench.hops import Hops
from bench.house import PARTITIONS, House
from bench.log_writer import LogWriter
from bench.measured_feeds import GET_FEED, LEAVE, PUBLISH, PUBLISH_STREAM, MeasuredFeeds
from bench.population import Population, Spec
from bench.published import to_publish
from bench.row import Context, Need, Row
from bench.whole_stack import WholeStack
from services.contracts.relations import RelationKind

CAPACITY, PAGE = 800, 10
_BARE = "a bare record through {} of Kafka, meanwhile"
VISIBLE = Figure("visible_p99_ms", "ms", Target(at_most=500), _BARE.format("two topics"))
EDIT = Figure("edit_visible_p99_ms", "ms", Target(at_most=500), _BARE.format("two topics"))
LEAVE_HIDDEN = Figure("leave_hidden_p99_ms", "ms", Target(at_most=500), _BARE.format("one topic"))
RATE = 1_000
_BATCH = 50
_LATE_SHARE, _LATE_S = 0.05, 200.0
_STORIES_A_SECOND = 12
_LOOK_S, _HUNG_S = 0.02, 30.0


@dataclass(frozen=True, slots=True)
class Teller:
    """A reader of her own author and group, and her call of the first page. number: hers alone."""

    number: int
    call: Call

    @property
    def author(self) -> str:
        """Whom she follows."""
        return f"person:teller-{self.number}"

    @property
    def group(self) -> str:
        """What she is a member of."""
        return f"group:tellers-{self.number}"


@dataclass(slots=True)
class Took:
    """Milliseconds of what was looked for."""

    visible: list[float] = field(default_factory=list)
    edit: list[float] = field(default_factory=list)
    leave: list[float] = field(default_factory=list)
    two_hops: list[float] = field(default_factory=list)
    one_hop: list[float] = field(default_factory=list)


class Scene:
    """Everything that goes on at once: the load, the stories, the bare probes."""

    def __init__(self, house: House, ingest: GrpcLoad, feeds: GrpcLoad, hops: Hops, population: Population) -> None:
        self._ingest, self._feeds, self._hops = ingest, feeds, hops
        self._population = population
        self._publisher = call_as(house.token("publisher", roles=["publisher"]), b"").metadata
        self._random = np.random.default_rng(13)
        self._number = count()

    async def prepare(self, tellers: list[Teller]) -> None:
        """Publish the group post of each teller; return when all see theirs, with a full page."""
        for teller in tellers:
            await self._publish(f"group-post-{teller.number}", teller.author, "in the group", group=teller.group)
        for teller in tellers:
            await self._until(teller, lambda page: len(page.entries) == PAGE and _shows(page, "in the group"))

    async def play(self, tellers: Iterator[Teller], seconds: float) -> Took:
        """Go on for so long; return how long everything took that was looked for."""
        took = Took()
        await asyncio.gather(
            self._load(seconds),
            _at_a_rate(lambda: self._story(next(tellers), took), _STORIES_A_SECOND, seconds),
            _at_a_rate(lambda: self._probe(took), _STORIES_A_SECOND, seconds),
        )
        return took

    async def _load(self, seconds: float) -> None:
        """Publish RATE activities a second, in calls of fifty."""
        await _at_a_rate(self._publish_some, RATE / _BATCH, seconds)

    async def _publish_some(self) -> None:
        authors = self._random.integers(0, self._population.authors, _BATCH).tolist()
        late = (self._random.random(_BATCH) < _LATE_SHARE) * self._random.random(_BATCH) * _LATE_S
        requests = [
            to_publish(f"load-{next(self._number)}", self._population.name_of(author), "Strom und Quelle", age_s=age)
            for author, age in zip(authors, late.tolist(), strict=True)
        ]
        items = [publish_service_pb2.PublishStreamRequest(request=request).SerializeToString() for request in requests]
        answer = publish_service_pb2.PublishStreamResponse.FromString(
            await self._ingest.stream(PUBLISH_STREAM, items, self._publisher)
        )
        if refused := [result.error.message for result in answer.results if result.WhichOneof("outcome") == "error"]:
            raise AssertionError(f"{len(refused)} activities were refused: {refused[0]}")

    async def _story(self, teller: Teller, took: Took) -> None:
        native_id = f"story-{teller.number}"
        begun = time.perf_counter()
        await self._publish(native_id, teller.author, "as it was first")
        await self._until(teller, lambda page: _shows(page, "as it was first"))
        took.visible.append((time.perf_counter() - begun) * 1000)
        begun = time.perf_counter()
        await self._publish(native_id, teller.author, "as it was edited", version=2)
        await self._until(teller, lambda page: _shows(page, "as it was edited"))
        took.edit.append((time.perf_counter() - begun) * 1000)
        begun = time.perf_counter()
        request = relation_service_pb2.LeaveRequest(group=teller.group).SerializeToString()
        await self._feeds.once(LEAVE, Call(request, teller.call.metadata))
        await self._until(teller, lambda page: not _shows(page, "in the group"))
        took.leave.append((time.perf_counter() - begun) * 1000)

    async def _probe(self, took: Took) -> None:
        took.two_hops.append(await self._hops.milliseconds(2))
        took.one_hop.append(await self._hops.milliseconds(1))

    async def _publish(self, native_id: str, actor: str, text: str, *, group: str = "", version: int = 1) -> None:
        request = to_publish(native_id, actor, text, group=group, version=version)
        await self._ingest.once(PUBLISH, Call(request.SerializeToString(), self._publisher))

    async def _until(self, teller: Teller, shown: Callable[[feed_service_pb2.GetFeedResponse], bool]) -> None:
        begun = time.perf_counter()
        while not shown(page := feed_service_pb2.GetFeedResponse.FromString(await self._feeds.once(GET_FEED, teller.call))):
            waited = time.perf_counter() - begun
            if waited > _HUNG_S:
                raise AssertionError(f"not what was looked for after {_HUNG_S:g} s: {len(page.entries)} entries")
            # Looking is work too: who has waited for long looks less often, and is at most a tenth late.
            await asyncio.sleep(max(_LOOK_S, waited / 10))


def _shows(page: feed_service_pb2.GetFeedResponse, text: str) -> bool:
    return any(text in entry.activity.text for entry in page.entries)


async def _at_a_rate(begin: Callable[[], Coroutine[Any, Any, None]], a_second: float, seconds: float) -> None:
    """Begin something at a steady rate; return when all that has begun has ended. Raises what one of them raised."""
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(round(a_second * seconds)):
            await asyncio.sleep(max(0.0, begun + number / a_second - time.perf_counter()))
            group.create_task(begin())


async def _measured(context: Context) -> Mapping[str, Measured]:
    house = House(context)
    await asyncio.to_thread(house.make_index)
    seconds = context.size(12, 4)
    spec, known = Spec(context.size(20_000, 5_000)), Spec(context.size(20_000, 5_000), kind="known")
    population, most_know = spec.build(), known.build()
    tellers = [_teller(house, number) for number in range(_STORIES_A_SECOND * seconds * context.repeats)]
    async with LogWriter(house.security) as writer:
        for teller in tellers:
            follows = [teller.author, *(most_know.name_of(author) for author in range(3))]
            await writer.write(edges_of(_user(teller.number), RelationKind.FOLLOWS, follows))
            await writer.write([edge(_user(teller.number), RelationKind.MEMBER_OF, teller.group)])
        with WholeStack(house, context.cores.measured) as stack:
            settings = {
                "SLUICE_FEEDS__ACTIVE_READERS": spec.users + len(tellers),
                "SLUICE_FEEDS__CAPACITY": CAPACITY,
                "SLUICE_PEERS__SEARCH": stack.search_address,
            }
            with MeasuredFeeds(house, settings, core=context.cores.measured) as feeds:
                context.say(f"{spec.users:,} readers become active, their timelines are filled")
                feeds.activate(spec, known)
                filling = Stream(most_know, partitions=PARTITIONS)
                written = await writer.write(filling.records(filling.write(CAPACITY * 3 // 2)), step=PARTITIONS)
                await asyncio.to_thread(feeds.applied, written.ends)
                feeds.until_quiet()
                async with (
                    GrpcLoad(stack.ingest_address) as ingest,
                    GrpcLoad(feeds.address) as reads,
                    Hops(house.security) as hops,
                ):
                    scene = Scene(house, ingest, reads, hops, population)
                    await scene.prepare(tellers)
                    return await _repeats(context, scene, iter(tellers), seconds)


async def _repeats(context: Context, scene: Scene, tellers: Iterator[Teller], seconds: int) -> Mapping[str, Measured]:
    values: dict[str, list[float]] = {figure.name: [] for figure in ROW.figures}
    ceilings: dict[str, list[float]] = {figure.name: [] for figure in ROW.figures}
    for _ in range(context.repeats):
        took = await scene.play(tellers, seconds)
        for figure, mine, bare in (
            (VISIBLE, took.visible, took.two_hops),
            (EDIT, took.edit, took.two_hops),
            (LEAVE_HIDDEN, took.leave, took.one_hop),
        ):
            values[figure.name].append(percentile(mine, 0.99))
            ceilings[figure.name].append(percentile(bare, 0.99))
    notes = {"activities_a_second": RATE, "samples_a_repeat": seconds * _STORIES_A_SECOND}
    return {name: Measured(values[name], ceilings[name], notes) for name in values}


def _user(number: int) -> str:
    return f"person:reader-of-{number}"


def _teller(house: House, number: int) -> Teller:
    request = feed_service_pb2.GetFeedRequest(page_size=PAGE).SerializeToString()
    return Teller(number, call_as(house.token(_user(number).removeprefix("person:")), request))


def run(context: Context) -> Mapping[str, Measured]:
    """Measure all three at once."""
    return asyncio.run(_measured(context))


ROW = Row((VISIBLE, EDIT, LEAVE_HIDDEN), run, frozenset({Need.BROKER, Need.INDEX}), seconds=500)
