"""Engines with many readers and full timelines, for the rows that need no server."""

from collections.abc import Sequence

import numpy as np

from bench.activities import Stream
from bench.deliver import Delivery, batched
from bench.population import Numbers, Population, user_name
from services.contracts.relations import Relation, RelationKind
from services.stream.feeds.engine import EngineLimits, FeedEngine
from services.stream.feeds.relation_state import RelationState

_PARTITIONS = 4
# No body is to be missing: what is measured are reads from memory.
_BODY_BYTES = 2 * 1024**3


def engine_for(users: int, capacity: int, followed: Sequence[Sequence[str]]) -> FeedEngine:
    """Return an engine in which users 0 … n-1 are active, each following what followed says, with empty timelines."""
    engine = FeedEngine(EngineLimits(capacity, users, body_bytes=_BODY_BYTES))
    activate_all(engine, range(users), followed)
    return engine


def activate_all(engine: FeedEngine, users: Sequence[int], followed: Sequence[Sequence[str]]) -> None:
    """Make users active, as a worker does whose history has nothing for them. followed: names for each of users."""
    for user, names in zip(users, followed, strict=True):
        name = user_name(user)
        engine.activate(
            name, employee=True, candidates=(), floor=None, names={name, f"inbox:{name}", *names}, likes=(), now=float(user)
        )


def names_followed(*populations: Population) -> list[list[str]]:
    """Return the names that each user follows in populations of the same users."""
    lists: list[list[str]] = [[] for _ in range(populations[0].users)]
    for population in populations:
        names = population.names()
        for mine, targets in zip(lists, population.followed(), strict=True):
            mine += [names[target] for target in targets.tolist()]
    return lists


def fill(delivery: Delivery, known: Population, capacity: int, *, partitions: int) -> int:
    """Fill all timelines by activities of those whom most follow; return how many that were, which is the next stream's first."""
    count = capacity * 3 // 2
    stream = Stream(known, partitions=partitions, seed=8)
    batches = batched(stream.records(stream.write(count)))
    delivery.take(batches)
    delivery.settle(batches)
    return count


def crowds(users: int, sizes: Sequence[int], seed: int = 6) -> list[Numbers]:
    """Return a random crowd of each size among users, int32, rising."""
    random = np.random.default_rng(seed)
    return [np.sort(random.choice(users, size, replace=False)).astype(np.int32) for size in sizes]


def relations_of(users: Sequence[int], followed: Sequence[Sequence[str]]) -> RelationState:
    """Return a state that owns everybody and knows what these users follow. followed: names for each user there is."""
    state = RelationState(_PARTITIONS)
    for partition in range(_PARTITIONS):
        state.take_over(partition)
    for user in users:
        name = user_name(user)
        for obj in followed[user]:
            state.set_relation(state.partition_of(name), Relation(name, RelationKind.FOLLOWS, obj))
    return state
