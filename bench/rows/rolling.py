"""What a rolled-up read costs in the worker: 800 candidates of one bucket decided on and grouped, and twenty groups answered.

Between two reads of a user some entries arrive. A quarter of all activities tell a story, answer, share, or are rolled up by their source.
"""

from collections.abc import Mapping
from statistics import median

import numpy as np

from bench.activities import Stream
from bench.deliver import Delivery, batched
from bench.engines import engine_for, fill, names_followed, relations_of
from bench.figures import Figure, Measured, Target
from bench.population import MEAN_FOLLOWERS, build_known_to_most, build_population
from bench.repeats import in_turn
from bench.rolled_reads import BareRolledReads, RolledReads
from bench.row import Context, Row

CAPACITY = 800
_PARTITIONS = 4
_READERS = 1_000
_ARRIVALS = 200
_BARE_ACTIVITIES = 50_000
_BODY = bytes(690)

ROLLED = Figure(
    "rollup_read_us",
    "µs",
    Target(at_most=400),
    "the newest of each group by one NumPy sort of numbers, twenty bodies joined; nothing decided",
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
    reads = RolledReads(engine, relations_of(readers, followed))
    bare = BareRolledReads(users, CAPACITY, _BARE_ACTIVITIES, _BODY)
    reads.microseconds(readers)

    def pages() -> float:
        batches = batched(stream.records(stream.write(_ARRIVALS)))
        delivery.take(batches)
        delivery.settle(batches)
        return median(reads.microseconds(readers))

    return {ROLLED.name: in_turn(context.repeats, pages, lambda: median(bare.microseconds(readers)))}


ROW = Row((ROLLED,), run, seconds=400)
