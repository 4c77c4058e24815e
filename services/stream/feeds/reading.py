"""Reading a feed: skeleton → hydrate → rules → present, exact from the first page to the last."""

from collections.abc import Callable
from dataclasses import dataclass

from services.contracts.codec import activity_from_bytes
from services.contracts.matching import delivery_names, facts_of, matches
from services.contracts.page_tokens import fitting
from services.contracts.relations import PersonRelations
from services.stream.feeds.backfill import Backfill, CatchUp
from services.stream.feeds.engine import Candidate, FeedEngine
from services.stream.feeds.history import History, HistoryAway
from services.stream.feeds.likes import LikedBy, likes
from services.stream.feeds.places import BOTTOM, TOP, Place, just_above
from services.stream.feeds.readers import Reader
from services.stream.feeds.regeneration import Regeneration
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.timelines import EVERYTHING

_MOST_ASKED = 2000
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class PageAsk:
    """Which page of whose home feed. below: where it begins. top: the first entry of the first page; None for that page."""

    user: str
    employee: bool
    size: int
    below: Place = TOP
    top: Place | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One activity as one reader sees it. body: the record value."""

    id: str
    place: Place
    body: bytes
    liked: bool
    saved: bool


@dataclass(frozen=True, slots=True)
class Page:
    """entries: newest first. below: where the next page begins, None at the end. newer: entries above top. See the proto."""

    entries: list[Entry]
    below: Place | None
    top: Place | None
    newer: int
    partial: bool
    asked_history: bool = False


@dataclass(slots=True)
class _Skeleton:
    """What a page consists of so far. floor: nothing between it and the last candidate is missing; None: nothing at all."""

    candidates: list[Candidate]
    floor: Place | None
    partial: bool = False
    asked_history: bool = False


class FeedReader:
    """Reads home feeds of the users whose relations are here. Raises KeyError for others."""

    def __init__(
        self,
        engine: FeedEngine,
        state: RelationState,
        history: History,
        catch_up: CatchUp,
        clock: Callable[[], float],
        *,
        least_asked: int = 100,
    ) -> None:
        """Take the parts. clock: seconds, never back. least_asked: of history at a time, though a page needs fewer."""
        self._engine = engine
        self._state = state
        self._history = history
        self._backfill = Backfill(engine, history, catch_up)
        self._least_asked = least_asked
        self._regeneration = Regeneration(engine, state, self._backfill, clock)

    async def page(self, ask: PageAsk) -> Page:
        """Return one page. Where history is needed and away the page ends early, says so, and its place lets one go on."""
        try:
            reader = await self._reader(ask)
        except HistoryAway:
            return Page([], ask.below, ask.top, 0, partial=True)
        liked = self._engine.likes.of(ask.user)
        skeleton = self._from_timeline(ask, reader)
        newer = await self._newer(ask, reader)
        await self._from_history(ask, skeleton)
        await self._hydrate(ask, skeleton)
        return self._present(ask, skeleton, liked, newer)

    async def _reader(self, ask: PageAsk) -> Reader:
        reader = await self._regeneration.reader(ask.user, employee=ask.employee)
        if ask.below != TOP or not self._spoiled(reader, ask):
            return reader
        try:
            # Arrivals in an odd order (an old archive, newest first) leave little above complete_from.
            return await self._regeneration.reader(ask.user, employee=ask.employee, anew=True)
        except HistoryAway:
            # The little there is; whoever evicted her meanwhile leaves nothing.
            if spoiled := self._engine.readers.get(ask.user):
                return spoiled
            raise

    def _spoiled(self, reader: Reader, ask: PageAsk) -> bool:
        if self._engine.complete_from(reader) == EVERYTHING:
            return False
        return self._engine.covered(reader) < min(ask.size, self._engine.limits.capacity // 2)

    def _relations(self, ask: PageAsk) -> PersonRelations:
        return self._state.reader(ask.user, employee=ask.employee)

    def _from_timeline(self, ask: PageAsk, reader: Reader) -> _Skeleton:
        relations, candidates = self._relations(ask), list[Candidate]()
        for candidate in self._engine.timeline(reader, ask.below):
            if matches(relations, candidate.facts):
                if len(candidates) == ask.size:
                    return _Skeleton(candidates, candidates[-1].place)
                candidates.append(candidate)
        complete_from = self._engine.complete_from(reader)
        floor = None if complete_from == EVERYTHING else min(ask.below, just_above(complete_from))
        return _Skeleton(candidates, floor)

    async def _from_history(self, ask: PageAsk, skeleton: _Skeleton) -> None:
        limit = max(self._least_asked, 2 * ask.size)
        for _ in range(_ROUNDS):
            if skeleton.floor is None or len(skeleton.candidates) >= ask.size:
                return
            asked = self._relations(ask)
            skeleton.asked_history = True
            try:
                stretch = await self._backfill.stretch(delivery_names(asked), asked, skeleton.floor, limit)
            except HistoryAway:
                skeleton.partial = True
                return
            relations, room = self._relations(ask), ask.size - len(skeleton.candidates)
            found = [candidate for candidate in stretch.candidates if matches(relations, candidate.facts)]
            skeleton.candidates += found[:room]
            skeleton.floor = found[room - 1].place if len(found) > room else stretch.floor
            limit = min(2 * limit, _MOST_ASKED)

    async def _hydrate(self, ask: PageAsk, skeleton: _Skeleton) -> None:
        missing = [candidate.facts.id for candidate in skeleton.candidates if candidate.body is None]
        if not missing:
            return
        try:
            bodies = await self._history.bodies(missing, self._relations(ask))
        except HistoryAway:
            _end_before_missing(skeleton, ask.below)
            return
        hydrated = []
        for candidate in skeleton.candidates:
            body = bodies.get(candidate.facts.id) if candidate.body is None else candidate.body
            # What the index no longer gives this reader was deleted or closed since.
            if body is not None:
                hydrated.append(candidate if candidate.body else Candidate(facts_of(activity_from_bytes(body)), body))
                self._engine.table.restore(candidate.facts.id, body)
        skeleton.candidates = hydrated

    def _present(self, ask: PageAsk, skeleton: _Skeleton, liked: LikedBy, newer: int) -> Page:
        relations, saved = self._relations(ask), self._state.saved(ask.user)
        entries = []
        for candidate in skeleton.candidates:
            now = self._engine.present(candidate.facts) or candidate
            body = now.body or candidate.body
            if body is not None and matches(relations, now.facts) and (now is candidate or matches(relations, candidate.facts)):
                entry_id = now.facts.id
                entries.append(Entry(entry_id, candidate.place, body, likes(relations, liked, entry_id), entry_id in saved))
        below = skeleton.floor
        if (kept := fitting(len(entry.body) for entry in entries)) < len(entries):
            entries = entries[:kept]
            below = entries[-1].place
        top = ask.top
        if top is None and not (skeleton.partial and not entries):
            top = entries[0].place if entries else BOTTOM
        return Page(entries, below, top, newer, skeleton.partial, skeleton.asked_history)

    async def _newer(self, ask: PageAsk, reader: Reader) -> int:
        """Return how many entries stand above the first page's first one: exact up to what one question to history adds."""
        if ask.top is None:
            return 0
        relations, newer = self._relations(ask), 0
        for candidate in self._engine.timeline(reader, TOP):
            if candidate.place <= ask.top:
                return newer
            newer += matches(relations, candidate.facts)
        below = just_above(self._engine.complete_from(reader))
        if self._engine.complete_from(reader) == EVERYTHING or below <= ask.top:
            return newer
        try:
            stretch = await self._backfill.stretch(delivery_names(relations), relations, below, _MOST_ASKED)
        except HistoryAway:
            return newer
        return newer + sum(matches(relations, candidate.facts) for candidate in stretch.candidates if candidate.place > ask.top)


def _end_before_missing(skeleton: _Skeleton, below: Place) -> None:
    """Cut the page before the first entry without a body: what can't be shown must not be skipped."""
    first = next(at for at, candidate in enumerate(skeleton.candidates) if candidate.body is None)
    skeleton.candidates = skeleton.candidates[:first]
    skeleton.floor = skeleton.candidates[-1].place if skeleton.candidates else below
    skeleton.partial = True
