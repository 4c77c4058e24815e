"""What a read costs in the worker, from the skeleton to the bytes of the answer: twenty entries, bodies in memory.

Between two reads of a user about a page of entries arrives, some of them late.
"""

from collections.abc import Mapping, Sequence
from statistics import mean, median

import numpy as np

from bench.activities import Stream
from bench.deliver import Delivery, batched
from bench.engines import engine_for, fill, names_followed, relations_of
from bench.figures import Figure, Measured, Target
from bench.population import MEAN_FOLLOWERS, build_known_to_most, build_population
from bench.reads import PAGE, BareReads, Reads
from bench.repeats import in_turn
from bench.row import Context, Row

CAPACITY = 800
_PARTITIONS = 4
_BARE_ACTIVITIES = 50_000
_BODY = bytes(690)

PLAIN = Figure(
    "getfeed_inprocess_us", "µs", Target(at_most=60), "twenty bodies by the newest keys of a NumPy ring, joined; nothing decided"
)
GROWTH = Figure(
    "growth_read_ratio",
    "times",
    Target(at_most=1.5),
    "the same ratio of the bare read: among a million users by among a thousand",
)


class _Worker:
    """An engine with full timelines, and readers whose relations it knows."""

    def __init__(self, context: Context, users: int, *, mean_followers: int, readers: int) -> None:
        population = build_population(users, mean=mean_followers)
        known = build_known_to_most(users)
        followed = names_followed(population, known)
        context.say(f"{users:,} readers become active, their timelines are filled")
        engine = engine_for(users, CAPACITY, followed)
        self._delivery = Delivery(engine)
        first = fill(self._delivery, known, CAPACITY, partitions=_PARTITIONS)
        self._stream = Stream(population, partitions=_PARTITIONS, first=first)
        self._entries_an_activity = mean_followers * 1.1 / users
        self.readers: list[int] = np.random.default_rng(10).choice(users, min(users, readers), replace=False).tolist()
        self._reads = Reads(engine, relations_of(self.readers, followed))
        del followed
        self._bare = BareReads(users, CAPACITY, _BARE_ACTIVITIES, _BODY)
        self.pages()

    def pages(self) -> list[float]:
        """Let about a page of entries arrive for everybody, then read; return the microseconds of each read."""
        batches = batched(self._stream.records(self._stream.write(round(PAGE / self._entries_an_activity))))
        self._delivery.take(batches)
        self._delivery.settle(batches)
        return self._reads.microseconds(self.readers)

    def bare_pages(self) -> list[float]:
        """Return the microseconds of each bare read of the same rows."""
        return self._bare.microseconds(self.readers)


def _plain(context: Context) -> Measured:
    worker = _Worker(context, context.size(200_000, 20_000), mean_followers=MEAN_FOLLOWERS, readers=2_000)
    return in_turn(context.repeats, lambda: median(worker.pages()), lambda: median(worker.bare_pages()))


def _growth(context: Context) -> Measured:
    few = _Worker(context, 1_000, mean_followers=40, readers=1_000)
    many = _Worker(context, context.size(1_000_000, 50_000), mean_followers=40, readers=1_000)
    return in_turn(
        context.repeats,
        lambda: _middle(many.pages()) / _middle(few.pages()),
        lambda: _middle(many.bare_pages()) / _middle(few.bare_pages()),
    )


def _middle(took: Sequence[float]) -> float:
    """Return the mean without the slowest hundredth, which is the machine's."""
    return mean(sorted(took)[: -len(took) // 100])


def run(context: Context) -> Mapping[str, Measured]:
    """Measure the figures that are wanted."""
    context.cores.measure_here()
    measured = {}
    if context.wants(PLAIN.name):
        measured[PLAIN.name] = _plain(context)
    if context.wants(GROWTH.name):
        measured[GROWTH.name] = _growth(context)
    return measured


ROW = Row((PLAIN, GROWTH), run, seconds=400)
