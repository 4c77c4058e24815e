"""Bringing a reader's timeline back: at her first read, after an eviction, after she followed or joined something."""

import asyncio
from collections.abc import Callable
from functools import partial
from weakref import WeakValueDictionary

from services.contracts.errors import ServiceUnavailable
from services.contracts.matching import delivery_names
from services.contracts.relations import PersonRelations
from services.stream.feeds.backfill import Backfill
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.history import HistoryAway
from services.stream.feeds.places import TOP, top_of
from services.stream.feeds.readers import Reader
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.timelines import EVERYTHING

_ATTEMPTS = 5
_AT_ONCE = 16
_HISTORY_LIMIT = 2000


class Regeneration:
    """Builds timelines, one at a time for a user, so that a crowd asking for one feed costs one query.

    What was begun is ended, whoever waits for it: callers that give up and ask again would otherwise keep a slow index busy with
    questions whose answers nobody takes, and never get their feeds.
    """

    def __init__(self, engine: FeedEngine, state: RelationState, backfill: Backfill, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._state = state
        self._backfill = backfill
        self._clock = clock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._building: dict[tuple[str, bool, bool], asyncio.Task[Reader]] = {}
        # After a restart everybody comes at once; the index has to live through that.
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def reader(self, user: str, *, employee: bool, anew: bool = False) -> Reader:
        """Return the user with a timeline that serves her, built if need be. anew: build it in any case.

        Raises HistoryAway when history is needed and can't be asked, ServiceUnavailable when her relations don't hold
        still for long enough.
        """
        for _ in range(_ATTEMPTS):
            if not anew and (reader := self.ready(user, employee=employee)):
                return reader
            built = await asyncio.shield(self._begun(user, employee=employee, anew=anew))
            # Since it was built and until this goes on she may have been evicted, her row be another's, or she follow somebody else.
            if self.ready(user, employee=employee) is built:
                return built
            anew = False
        raise ServiceUnavailable("the relations of this feed change faster than it can be read")

    def _begun(self, user: str, *, employee: bool, anew: bool) -> "asyncio.Task[Reader]":
        """Return the building of a timeline that is under way, begun now if need be."""
        key = (user, employee, anew)
        if key not in self._building:
            task = self._building[key] = asyncio.create_task(self._build(user, employee=employee, anew=anew))
            task.add_done_callback(partial(self._ended, key))
        return self._building[key]

    def _ended(self, key: tuple[str, bool, bool], task: "asyncio.Task[Reader]") -> None:
        del self._building[key]
        if not task.cancelled():
            # All who waited for it may be gone when it fails.
            task.exception()

    async def _build(self, user: str, *, employee: bool, anew: bool) -> Reader:
        async with self._locks.setdefault(user, asyncio.Lock()):
            reader = None if anew else self.ready(user, employee=employee)
            if reader is None and not anew and self._serves(user, employee=employee):
                reader = await self._extend(user, employee=employee)
            return reader or await self._regenerate(user, employee=employee)

    def ready(self, user: str, *, employee: bool) -> Reader | None:
        """Return the user when her timeline serves her as it is, and note that she reads."""
        reader = self._serves(user, employee=employee)
        if reader is None or reader.pending:
            return None
        self._engine.readers.touch(user, self._clock())
        return reader

    def _serves(self, user: str, *, employee: bool) -> Reader | None:
        """Return an active reader. A timeline built for an outsider lacks what employees may read."""
        reader = self._engine.readers.get(user)
        return reader if reader and (reader.employee or not employee) else None

    async def _extend(self, user: str, *, employee: bool) -> Reader | None:
        """Fill in what she has come to follow since her timeline was built. Return None where it has to be built anew."""
        limit, generation = min(self._engine.limits.capacity, _HISTORY_LIMIT), self._engine.generation
        for _ in range(_ATTEMPTS):
            reader = self._serves(user, employee=employee)
            if reader is None or not reader.pending:
                return reader
            asked, complete_from = reader.pending, self._engine.complete_from(reader)
            relations = self._state.reader(user, employee=reader.employee)
            above = None if complete_from == EVERYTHING else top_of(complete_from)
            async with self._places:
                stretch = await self._backfill.stretch(asked, relations, TOP, limit, above=above)
                if self._engine.generation != generation:
                    raise HistoryAway("the broadcast began anew meanwhile")
                now = self._engine.readers.get(user)
                if now is None or now.pending & asked != asked or self._engine.complete_from(now) < complete_from:
                    # She left one of them or was evicted meanwhile, and may have come back to it since.
                    continue
                self._engine.extend(user, asked, stretch.candidates, stretch.floor)
        return self.ready(user, employee=employee)

    async def _regenerate(self, user: str, *, employee: bool) -> Reader:
        limit, generation = min(self._engine.limits.capacity, _HISTORY_LIMIT), self._engine.generation
        for _ in range(_ATTEMPTS):
            before = self._state.reader(user, employee=employee)
            names = delivery_names(before)
            async with self._places:
                with self._engine.window.pinned():
                    likes, asked = await asyncio.gather(
                        self._backfill.likes(before), self._backfill.asked(names, before, TOP, limit)
                    )
                    now = self._state.reader(user, employee=employee)
                    if self._engine.generation != generation:
                        raise HistoryAway("the broadcast began anew meanwhile")
                    if _covers(before, now):
                        # Not before both have answered: meanwhile nothing was delivered to her.
                        stretch = self._backfill.joined(asked)
                        return self._engine.activate(
                            user,
                            employee=employee,
                            candidates=stretch.candidates,
                            floor=stretch.floor,
                            names=delivery_names(now),
                            likes=self._backfill.standing_likes(likes, user),
                            now=self._clock(),
                        )
        raise ServiceUnavailable("the relations of this feed change faster than it can be read")


def _covers(asked: PersonRelations, now: PersonRelations) -> bool:
    """Return whether an answer for what was asked holds everything that the reader now follows and may read."""
    return delivery_names(now) <= delivery_names(asked) and now.groups <= asked.groups
