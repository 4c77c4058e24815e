"""Counting what a reader has not seen and not read: exact, from memory where all of it is there, else from history."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from services.contracts.matching import delivery_names
from services.stream.feeds.backfill import Backfill
from services.stream.feeds.by_id import ActivitiesById
from services.stream.feeds.engine import Candidate, FeedEngine
from services.stream.feeds.history import History, HistoryAway
from services.stream.feeds.hydration import Hydration
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.places import BOTTOM, TOP, Place, just_above
from services.stream.feeds.regeneration import Regeneration
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.rules import Rules
from services.stream.feeds.timelines import EVERYTHING
from services.stream.feeds.user_marks import UserMarks

#: Beyond so many candidates in history counting ends: the answer is then that there are at least so many.
MOST_COUNTED = 10_000
_AT_ONCE = 2000
_ATTEMPTS = 3
_MOST_SINGLE = 1000


class Counts(NamedTuple):
    """Entries of a feed. at_least: there may be more."""

    unseen: int
    unread: int
    at_least: bool = False


@dataclass(slots=True)
class _Older:
    """What history adds. at_least: there may be more."""

    candidates: list[Candidate]
    at_least: bool = False


class Counting:
    """Counts home feeds of the users whose relations are here. Raises KeyError for others."""

    def __init__(
        self, engine: FeedEngine, state: RelationState, history: History, backfill: Backfill, regeneration: Regeneration
    ) -> None:
        self._engine = engine
        self._state = state
        self._by_id = ActivitiesById(engine, history)
        self._hydration = Hydration(engine, history)
        self._backfill = backfill
        self._regeneration = regeneration

    async def counts(self, ask: PageAsk) -> Counts:
        """Return the counts of a feed, narrowed as asked. O(entries above the lower of the places up to which she has read and seen)."""
        older = _Older([], at_least=True)
        try:
            for _ in range(_ATTEMPTS):
                await self._regeneration.reader(ask.user, employee=ask.employee)
                floor = self._floor(ask)
                found = await self._older(ask, floor)
                found.candidates += await self._said_unread(ask)
                if self._floor(ask) <= floor:
                    older = found
                    break
            if self._rules(ask).relations.words:
                return await self._counted_by_body(ask, older)
        except HistoryAway:
            older.at_least = True
        return self._counted(ask, [*self._in_memory(ask), *older.candidates], at_least=older.at_least)

    def _floor(self, ask: PageAsk) -> Place:
        """Return above which place her timeline has everything."""
        reader = self._engine.readers.get(ask.user)
        if reader is None:
            return TOP
        complete_from = self._engine.complete_from(reader)
        return BOTTOM if complete_from == EVERYTHING else just_above(complete_from)

    def _rules(self, ask: PageAsk) -> Rules:
        return Rules(self._state.reader(ask.user, employee=ask.employee), ask.wanted, self._state.marks(ask.user))

    def _in_memory(self, ask: PageAsk) -> Iterator[Candidate]:
        """Yield the candidates of her timeline above what is read and seen, newest first."""
        reader, bound = self._engine.readers.get(ask.user), _bound(self._state.marks(ask.user))
        for candidate in self._engine.timeline(reader, TOP) if reader else ():
            if candidate.place <= bound:
                return
            yield candidate

    async def _older(self, ask: PageAsk, below: Place) -> _Older:
        """Return what counts below a place. Raises HistoryAway."""
        found, bound = _Older([]), _bound(self._state.marks(ask.user))
        floor: Place | None = below
        while floor is not None and floor > bound:
            if len(found.candidates) >= MOST_COUNTED:
                found.at_least = True
                break
            relations = self._rules(ask).relations
            above = None if bound == BOTTOM else bound
            stretch = await self._backfill.stretch(
                delivery_names(relations), relations, floor, _AT_ONCE, narrowed=ask.wanted, above=above
            )
            found.candidates += (candidate for candidate in stretch.candidates if candidate.place > bound)
            floor = stretch.floor
        return found

    async def _said_unread(self, ask: PageAsk) -> list[Candidate]:
        """Return what she has said is unread at or below the place up to which all is read. Raises HistoryAway."""
        marks = self._state.marks(ask.user)
        bound, ids = _bound(marks), sorted(marks.unread)[:_MOST_SINGLE]
        found = await self._by_id.of(ids, lambda: self._rules(ask).relations)
        return [candidate for candidate in found.values() if candidate.place <= bound]

    async def _counted_by_body(self, ask: PageAsk, older: _Older) -> Counts:
        """Count where words are muted. Raises HistoryAway."""
        rules = self._rules(ask)
        counting = {candidate.facts.id: candidate for candidate in (*self._in_memory(ask), *older.candidates)}
        shown = [candidate for candidate in counting.values() if _counts(rules, candidate)][:MOST_COUNTED]
        shown = await self._hydration.with_bodies(shown, lambda: self._rules(ask).relations)
        rules = self._rules(ask)
        heard = [candidate for candidate in shown if candidate.body and not rules.silence(candidate.facts, candidate.body)]
        return self._counted(ask, heard, at_least=older.at_least)

    def _counted(self, ask: PageAsk, candidates: list[Candidate], *, at_least: bool) -> Counts:
        rules = self._rules(ask)
        marks, unseen, unread = rules.marks, 0, 0
        for candidate in {candidate.facts.id: candidate for candidate in candidates}.values():
            facts = (self._engine.present(candidate.facts) or candidate).facts
            if rules.show(facts):
                unseen += not marks.is_seen(facts)
                unread += not marks.is_read(facts)
        return Counts(unseen, unread, at_least or len(marks.unread) > _MOST_SINGLE)


def _counts(rules: Rules, candidate: Candidate) -> bool:
    facts = candidate.facts
    return rules.show(facts) and not (rules.marks.is_seen(facts) and rules.marks.is_read(facts))


def _bound(marks: UserMarks) -> Place:
    """Return the place at or below which everything is seen, and read but for what is said to be unread."""
    lower = min(marks.read_up_to, marks.seen_up_to)
    return Place(lower.sort_time_ms, lower.id + "f" * (32 - len(lower.id))) if lower.id else BOTTOM
