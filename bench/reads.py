"""Reading pages from an engine without a server, and a bare read beside it."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Never

import numpy as np

from bench.population import user_name
from services.contracts.relations import PersonRelations
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.feed_servicer import page_bytes
from services.stream.feeds.observed_counts import ObservedCounts
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.reading import FeedReader
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.tallies import Tallies

PAGE = 20


class NoHistory:
    """History that must not be asked: what is measured here is in memory."""

    async def newest(self, names: Collection[str], reader: PersonRelations, **_: object) -> Never:
        """Fail the measurement."""
        raise AssertionError(f"history was asked for {reader.user}, {len(names)} names")

    async def bodies(self, ids: Sequence[str], reader: PersonRelations) -> Never:
        """Fail the measurement."""
        raise AssertionError(f"{len(ids)} bodies were missing for {reader.user}")


async def no_catching_up(_: Mapping[int, int]) -> None:
    """Return: there is no broadcast here."""


class Reads:
    """First pages of twenty entries of an engine's readers."""

    def __init__(self, engine: FeedEngine, state: RelationState) -> None:
        self._reader = FeedReader(engine, state, NoHistory(), no_catching_up, time.monotonic)
        # Nobody has liked anything yet; it is looked up all the same.
        self._observed = ObservedCounts(Tallies(), state)
        self.bytes = 0

    def microseconds(self, users: Sequence[int]) -> list[float]:
        """Read the first page of each of users, from the skeleton to the answer's bytes; return what each read took."""
        return asyncio.run(self._read(users))

    async def _read(self, users: Sequence[int]) -> list[float]:
        took = []
        for user in users:
            ask = PageAsk(user_name(user), employee=True, size=PAGE)
            begun = time.perf_counter()
            page = await self._reader.page(ask)
            shown = [entry.facts.id for entry in page.entries]
            data = page_bytes(page, ask, self._observed.of_activities(shown, ask.user, employee=ask.employee))
            took.append((time.perf_counter() - begun) * 1e6)
            if len(page.entries) != PAGE:
                raise AssertionError(f"a page of {len(page.entries)} entries for user {user}")
            self.bytes = len(data)
        return took


class BareReads:
    """Timelines of one NumPy column, the activities' keys and bodies, and nothing decided: no rules, no marks, no cursor."""

    def __init__(self, rows: int, capacity: int, activities: int, body: bytes) -> None:
        random = np.random.default_rng(9)
        self._ring = np.empty((rows, capacity), np.int32)
        for row in self._ring:
            row[:] = random.integers(0, activities, capacity, np.int32)
        self._keys = np.arange(activities, dtype=np.int64)
        # Bodies of their own, as different activities have.
        self._bodies = [body + str(number).encode() for number in range(activities)]

    def microseconds(self, rows: Sequence[int]) -> list[float]:
        """Put the twenty newest of each row together; return what each read took."""
        took = []
        for row in rows:
            begun = time.perf_counter()
            slots = self._ring[row]
            newest = slots[self._keys[slots].argsort()[: -PAGE - 1 : -1]]
            b"".join([self._bodies[slot] for slot in newest.tolist()])
            took.append((time.perf_counter() - begun) * 1e6)
        return took
