"""What a ranked read costs in the worker: 800 candidates scored by interest, popularity and age, and twenty of them answered.

Between two reads of a user some entries arrive. A tenth of all activities have likes and comments, each reader has saved thirty.
"""

from collections.abc import Mapping
from statistics import median

import numpy as np

from bench.activities import Stream
from bench.deliver import Delivery, batched
from bench.engines import engine_for, fill, names_followed, relations_of
from bench.figures import Figure, Measured, Target
from bench.population import MEAN_FOLLOWERS, build_known_to_most, build_population
from bench.ranked_reads import BareRankedReads, RankedReads
from bench.repeats import in_turn
from bench.row import Context, Row

CAPACITY = 800
_PARTITIONS = 4
_READERS = 1_000
_ARRIVALS = 200
_BARE_ACTIVITIES = 50_000
_BODY = bytes(690)

RANKED = Figure(
    "ranked_read_us",
    "µs",
    Target(at_most=400),
    "the same array operations on bare columns, twenty bodies joined; nothing decided",
)


def run(context: Context) -> Mapping[str, Measured]:
    """Measure it."""
    context.cores.measure_here()
    users = context.size(20_000, 5_000)
    population, known = build_population(users, mean=MEAN_FOLLOWERS), build_known_to_most(users)
    followed = names_followed(population, known)
    context.say(f"{users:,} readers become active, their timelines are filled")
    engine = engine_for(users, CAPACITY, followed)
    delivery = Delivery(engine)
    stream = Stream(population, partitions=_PARTITIONS, first=fill(delivery, known, CAPACITY, partitions=_PARTITIONS))
    readers: list[int] = np.random.default_rng(10).choice(users, _READERS, replace=False).tolist()
    reads = RankedReads(engine, relations_of(readers, followed), readers)
    bare = BareRankedReads(users, CAPACITY, _BARE_ACTIVITIES, _BODY)
    reads.microseconds(readers)

    def pages() -> float:
        batches = batched(stream.records(stream.write(_ARRIVALS)))
        delivery.take(batches)
        delivery.settle(batches)
        return median(reads.microseconds(readers))

    return {RANKED.name: in_turn(context.repeats, pages, lambda: median(bare.microseconds(readers)))}


ROW = Row((RANKED,), run, seconds=400)
