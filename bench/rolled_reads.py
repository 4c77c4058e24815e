"""Reading rolled-up pages from an engine without a server, and the bare array operations beside it."""

import asyncio
import time
from collections.abc import Sequence

import numpy as np

from bench.population import user_name
from bench.reads import PAGE, NoHistory, no_catching_up
from services.contracts.activity import Verb
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.observed_counts import ObservedCounts
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.places import TOP
from services.stream.feeds.reading import FeedReader
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.rolled_feed import RolledAsk, RolledFeed
from services.stream.feeds.rolled_reading import RolledReader
from services.stream.feeds.rollup_pages import Cursor
from services.stream.feeds.rollups import HOUR_MS, Rule
from services.stream.feeds.tallies import Tallies

#: One in so many activities tells a story, answers, shares, or is rolled up by its source.
ONE_IN = 4
#: How many activities have the same in common, about.
TOGETHER = 5
_DAY = Rule(bucket_ms=24 * HOUR_MS)


class RolledReads:
    """First pages of twenty groups, of readers whose whole timelines lie in one bucket: 800 candidates are grouped for each."""

    def __init__(self, engine: FeedEngine, state: RelationState) -> None:
        _relate(engine)
        reader = FeedReader(engine, state, NoHistory(), no_catching_up, time.monotonic)
        rolled = RolledReader(reader, engine, state.identities.person_of)
        self._feed = RolledFeed(rolled, ObservedCounts(Tallies(), state))

    def microseconds(self, users: Sequence[int]) -> list[float]:
        """Read the first page of each of users, from the candidates to the answer's bytes; return what each read took."""
        return asyncio.run(self._read(users))

    async def _read(self, users: Sequence[int]) -> list[float]:
        took = []
        for user in users:
            ask = RolledAsk(PageAsk(user_name(user), employee=True, size=PAGE), _DAY, Cursor(TOP))
            begun = time.perf_counter()
            data = await self._feed.answer(ask)
            took.append((time.perf_counter() - begun) * 1e6)
            if len(data) < PAGE * 100:
                raise AssertionError(f"a page of {len(data)} bytes for user {user}")
        return took


def _relate(engine: FeedEngine) -> None:
    """Give activities something in common with others near them, as if it had been written so."""
    table, random = engine.table, np.random.default_rng(14)
    for slot, facts in enumerate(table.facts):
        if facts is None or random.random() > 1 / ONE_IN:
            continue
        near = slot - int(random.integers(0, TOGETHER * ONE_IN))
        about = table.facts[near] if near > 0 else None
        name = f"{near // TOGETHER:016x}"
        changed = (
            facts._replace(cluster_id=name),
            facts._replace(rollup=f"bench/one/{name}"),
            facts._replace(verb=Verb.COMMENT, in_reply_to=about.id if about else ""),
            facts._replace(verb=Verb.SHARE, object_activity_id=about.id if about else ""),
        )
        table.facts[slot] = changed[int(random.integers(0, len(changed)))]


class BareRolledReads:
    """The array operations alone, on random columns: gather, sort by what is in common, find the newest, join; nothing decided."""

    def __init__(self, rows: int, capacity: int, activities: int, body: bytes) -> None:
        random = np.random.default_rng(15)
        self._ring = np.empty((rows, capacity), np.int32)
        for row in self._ring:
            row[:] = random.integers(0, activities, capacity, np.int32)
        self._times = np.arange(activities, dtype=np.int64)
        self._common = random.integers(0, activities // TOGETHER, activities, np.int64)
        self._bodies = [body + str(number).encode() for number in range(activities)]

    def microseconds(self, rows: Sequence[int]) -> list[float]:
        """Put the newest of the twenty newest groups of each row together; return what each read took."""
        took = []
        for row in rows:
            begun = time.perf_counter()
            slots = self._ring[row]
            slots = slots[self._times.take(slots).argsort()[::-1]]
            buckets = self._times.take(slots) // _DAY.bucket_ms
            _, first, sizes = np.unique(self._common.take(slots) + (buckets << 40), return_index=True, return_counts=True)
            newest = np.argsort(first)[:PAGE]
            sizes.take(newest)
            b"".join([self._bodies[slot] for slot in slots.take(first.take(newest)).tolist()])
            took.append((time.perf_counter() - begun) * 1e6)
        return took
