"""What one delivery costs, from a record's bytes to the timelines, by how many followers the author has.

A hundred followers: among 200,000 readers with timelines of 800 entries. Growth: among a million with timelines of a hundred. All timelines
are full. The ceiling appends to the same followers.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np

from bench.activities import Stream
from bench.bare import BareRings
from bench.deliver import Delivery, batched
from bench.engines import crowds, engine_for, fill, names_followed
from bench.figures import Figure, Measured, Target
from bench.population import Numbers, Population, build_known_to_most
from bench.repeats import in_turn, processor_seconds
from bench.row import Context, Row

_PARTITIONS = 4
_SMALL, _MIDDLE = 100, 10_000
# Different crowds of a size, so that their timelines aren't in a cache because they were written a moment ago.
_SMALL_CROWDS, _MIDDLE_CROWDS = 2_000, 20

GROWTH = Figure(
    "growth_delivery_ratio",
    "times",
    Target(at_most=1.5),
    "the same ratio of a bare append: a delivery to a million followers by one to ten thousand",
)
SMALL = Figure("delivery_ns_at_100", "ns", Target(at_most=250), "a bare append to a hundred rows, for each of them")


class _Crowds:
    """Authors by how many followers they have, an engine in which their followers are active, and bare rings of the same size."""

    def __init__(self, context: Context, users: int, capacity: int) -> None:
        sizes = [_SMALL] * _SMALL_CROWDS + [min(_MIDDLE, users // 100)] * _MIDDLE_CROWDS
        self.population = Population(users, len(sizes) + 1, (*crowds(users, sizes), np.arange(users, dtype=np.int32)))
        self.small, self.middle = range(_SMALL_CROWDS), range(_SMALL_CROWDS, len(sizes))
        self.large = range(len(sizes), len(sizes) + 1)
        known = build_known_to_most(users)
        context.say(f"{users:,} readers become active")
        self.delivery = Delivery(engine_for(users, capacity, names_followed(self.population, known)))
        context.say("their timelines are filled")
        first = fill(self.delivery, known, capacity, partitions=_PARTITIONS)
        self.stream = Stream(self.population, partitions=_PARTITIONS, first=first)
        self.bare = BareRings(users, capacity)

    def deliveries(self, authors: range, count: int) -> float:
        """Return the nanoseconds of one delivery of count activities by these authors."""
        written = self.stream.write(count, authors)
        batches = batched(self.stream.records(written))
        seconds = processor_seconds(partial(self.delivery.take, batches))
        self.delivery.settle(batches)
        return seconds / sum(len(self.population.followers[one.author]) for one in written) * 1e9

    def appends(self, authors: range, count: int) -> float:
        """Return the nanoseconds of one bare append of count activities by these authors."""
        chosen = np.random.default_rng(7).choice(authors, count).tolist()
        rows: list[Numbers] = [self.population.followers[author] for author in chosen]
        return processor_seconds(partial(self.bare.append_all, rows)) / sum(map(len, rows)) * 1e9


def _small(context: Context) -> Measured:
    crowd = _Crowds(context, context.size(200_000, 20_000), 800)
    crowd.deliveries(crowd.small, 1_000)
    return in_turn(context.repeats, lambda: crowd.deliveries(crowd.small, 10_000), lambda: crowd.appends(crowd.small, 10_000))


def _growth(context: Context) -> Measured:
    crowd = _Crowds(context, context.size(1_000_000, 100_000), 100)
    crowd.deliveries(crowd.middle, 100)
    return in_turn(
        context.repeats,
        lambda: crowd.deliveries(crowd.large, 10) / crowd.deliveries(crowd.middle, 1_000),
        lambda: crowd.appends(crowd.large, 10) / crowd.appends(crowd.middle, 1_000),
    )


def run(context: Context) -> Mapping[str, Measured]:
    """Measure the figures that are wanted."""
    context.cores.measure_here()
    measured = {}
    if context.wants(SMALL.name):
        measured[SMALL.name] = _small(context)
    if context.wants(GROWTH.name):
        measured[GROWTH.name] = _growth(context)
    return measured


ROW = Row((GROWTH, SMALL), run, seconds=300)
