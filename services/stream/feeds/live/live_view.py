"""What has changed for a watcher: her feed as it is now, compared with what she was told. Skeleton → hydrate → rules, as for a page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from services.contracts.errors import ServiceUnavailable, SluiceError
from services.contracts.matching import Facts
from services.contracts.page_tokens import MAX_ANSWER_BYTES
from services.contracts.relations import PersonRelations
from services.stream.feeds.backfill import CatchUp
from services.stream.feeds.engine import Candidate, FeedEngine
from services.stream.feeds.history import History, HistoryAway
from services.stream.feeds.hydration import Hydration
from services.stream.feeds.live.live_cursor import LiveCursor
from services.stream.feeds.live.watcher import Watcher
from services.stream.feeds.pages import Entry, Page, PageAsk
from services.stream.feeds.places import BOTTOM, Place, place_of
from services.stream.feeds.reading import FeedReader
from services.stream.feeds.relation_state import RelationState

_ATTEMPTS = 5
_PAGE = 200
# Of an entry: liked, saved, read, done, seen.
_FLAGS_END = 7
#: Where more entries are watched, a snapshot brings the stretch back to its size.
MOST_HELD = 1000


class CursorTooOld(SluiceError):
    """What happened since the cursor isn't kept here any more. Begin anew, without it."""

    status = "OUT_OF_RANGE"
    reason = "CURSOR_TOO_OLD"


class WatchOver(Exception):
    """The worker can't go on with a watcher; another one can."""


class Kind(Enum):
    """What happened to an entry."""

    ADDED = "added"
    EDITED = "edited"
    REMOVED = "removed"


class Event(NamedTuple):
    """entry: None where it was removed."""

    kind: Kind
    id: str
    entry: Entry | None


class Told(NamedTuple):
    """What to tell a watcher. snapshot: the page where one begins.

    cursor: where she is when she has applied the events; None where more than fits into one message has changed: ask for news.
    """

    events: list[Event]
    cursor: LiveCursor | None
    snapshot: Page | None = None


class LiveView:
    """Tells watchers, who must be listed in the engine's watches. Raises KeyError for users whose relations are not here.

    All raise ServiceUnavailable where history is needed and away, and while relations change faster than the feed can be read;
    and WatchOver.
    """

    def __init__(self, engine: FeedEngine, state: RelationState, reader: FeedReader, history: History, catch_up: CatchUp) -> None:
        self._engine = engine
        self._state = state
        self._reader = reader
        self._hydration = Hydration(engine, history)
        self._catch_up = catch_up

    async def snapshot(self, watcher: Watcher) -> Told:
        """Return the beginning of the feed, as GetFeed gives it, and what has come while it was read."""
        for _ in range(_ATTEMPTS):
            self._begin(watcher)
            await self._applied(self._engine.arrivals.ends)
            page = await self._reader.page(watcher.ask)
            if page.partial and not page.entries:
                raise ServiceUnavailable("the feed can't be read: history is away")
            if self._is_outdated(watcher):
                continue
            watcher.floor = page.below or BOTTOM
            table, came = self._engine.table, watcher.pending
            watcher.pending = dict.fromkeys((table.learn(entry.facts, entry.body) for entry in page.entries), False) | came
            events = await self._fold(watcher)
            if events is not None:
                return Told(events, self._cursor(watcher), page)
        raise ServiceUnavailable("the relations of this feed change faster than it can be read")

    async def resume(self, watcher: Watcher, cursor: LiveCursor) -> Told:
        """Return what has happened since a cursor; a snapshot where that can't be told exactly. Raises CursorTooOld.

        The entries that didn't change since are the holder's, and so are those that the log shows to have been in the feed. Her cursor's
        digest says whether that is what she holds: it isn't when her relations, what she did or how she is employed are others now.
        """
        self._begin(watcher)
        await self._applied(cursor.offsets)
        self._check(cursor)
        entries = await self._down_to(watcher.ask, cursor.floor)
        self._check(cursor)
        if entries is None or self._is_outdated(watcher) or not self._hold(watcher, cursor, entries):
            return await self.snapshot(watcher)
        watcher.floor = cursor.floor
        events = await self._fold(watcher)
        return await self.snapshot(watcher) if events is None else Told(events, self._cursor(watcher))

    async def news(self, watcher: Watcher) -> Told:
        """Return what has changed since she was told last: nothing, single events, or a snapshot."""
        if len(watcher.held) <= MOST_HELD:
            events = await self._fold(watcher)
            if events is not None:
                return Told(events, self._cursor(watcher))
        return await self.snapshot(watcher)

    def _begin(self, watcher: Watcher) -> None:
        self._engine.watches.begin_anew(watcher, self._relations(watcher))

    def _relations(self, watcher: Watcher) -> PersonRelations:
        return self._state.reader(watcher.ask.user, employee=watcher.ask.employee)

    def _check(self, cursor: LiveCursor) -> None:
        partition = self._engine.arrivals.forgotten(cursor.offsets)
        if partition is not None:
            raise CursorTooOld(
                "what happened since the cursor is not kept any more; call again without it",
                metadata={"partition": str(partition)},
            )

    async def _applied(self, offsets: Mapping[int, int]) -> None:
        try:
            await self._catch_up(dict(offsets))
        except HistoryAway:
            raise ServiceUnavailable("this worker has yet to read what the cursor stands for") from None

    def _is_outdated(self, watcher: Watcher) -> bool:
        """Return whether what she was told needs a snapshot; names in her filter may stand for others when anything does."""
        if watcher.stale:
            return True
        if watcher.in_doubt and watcher.ask.wanted.actors:
            return True
        watcher.in_doubt = False
        now = self._relations(watcher)
        return now is not watcher.relations and now != watcher.relations

    def _settled(self, ask: PageAsk) -> PageAsk:
        """Return what is asked for with all names of the people in its filter."""
        if not ask.wanted.actors:
            return ask
        people = self._state.identities.expanded(frozenset(ask.wanted.actors))
        return ask._replace(wanted=replace(ask.wanted, actors=tuple(people)))

    def _cursor(self, watcher: Watcher) -> LiveCursor | None:
        if watcher.pending:
            return None
        return LiveCursor(dict(self._engine.arrivals.ends), watcher.floor, watcher.held.digest)

    async def _fold(self, watcher: Watcher) -> list[Event] | None:
        """Return what has changed and take it as told, all in one moment; None where a snapshot is due."""
        asked: set[int] = set()
        while True:
            if watcher.is_over:
                raise WatchOver
            if self._is_outdated(watcher):
                return None
            ask = self._settled(watcher.ask)
            if watcher.recheck:
                watcher.recheck = False
                watcher.pending = dict.fromkeys(watcher.held.slots, True) | watcher.pending
            candidates = self._candidates(ask, watcher)
            missing = [candidate for slot, candidate in candidates.items() if candidate.body is None and slot not in asked]
            if not missing:
                return self._told(ask, watcher, [candidate for candidate in candidates.values() if candidate.body is not None])
            asked |= {slot for slot, candidate in candidates.items() if candidate.body is None}
            try:
                await self._hydration.with_bodies(missing, lambda: self._relations(watcher))
            except HistoryAway:
                raise ServiceUnavailable("an entry can't be read: history is away") from None

    def _candidates(self, ask: PageAsk, watcher: Watcher) -> dict[int, Candidate]:
        """Return those pending that may be in the feed, by slot."""
        table, show = self._engine.table, self._reader.rules(ask).show
        found: dict[int, Candidate] = {}
        for slot in watcher.pending:
            facts = table.facts[slot]
            if facts is not None and place_of(facts) >= watcher.floor and show(facts):
                found[slot] = Candidate(facts, table.bodies[slot])
        return found

    def _told(self, ask: PageAsk, watcher: Watcher, candidates: Sequence[Candidate]) -> list[Event]:
        shown = {entry.facts.id: entry for entry in self._reader.entries_now(ask, candidates)}
        pending, watcher.pending = watcher.pending, {}
        events, size = list[Event](), 0
        for slot, is_quiet in pending.items():
            facts = self._engine.table.facts[slot]
            if facts is None:
                continue
            if size > MAX_ANSWER_BYTES:
                # It is judged again when it is its turn: what waits may be hidden meanwhile.
                watcher.pending[slot] = is_quiet
                continue
            entry = shown.get(facts.id)
            if is_quiet and entry is not None and watcher.held.state_of(slot) == state_of(entry):
                continue
            event = _event(watcher, slot, facts.id, entry)
            if event is not None:
                events.append(event)
                size += len(entry.body) if entry else 0
        return events

    async def _down_to(self, ask: PageAsk, floor: Place) -> list[Entry] | None:
        """Return the feed down to a place, None where that is too much or can't be read."""
        entries: list[Entry] = []
        # Mostly she has little more than a page; more would be asked of history for nothing.
        page = await self._reader.page(ask._replace(size=min(2 * ask.size, _PAGE)))
        while True:
            entries += (entry for entry in page.entries if entry.place >= floor)
            if page.partial or len(entries) > MOST_HELD:
                return None
            if page.below is None or page.below < floor:
                return entries
            page = await self._reader.page(ask._replace(size=_PAGE, below=page.below))

    def _hold(self, watcher: Watcher, cursor: LiveCursor, entries: Sequence[Entry]) -> bool:
        """Have a watcher hold what her cursor stands for, and note what has happened since; return whether that can be told."""
        ask, table, held = self._settled(watcher.ask), self._engine.table, watcher.held
        show = self._reader.rules(ask).show
        first, last = dict[str, Facts | None](), dict[str, Facts]()
        for _, _, facts, before in self._engine.arrivals.since(cursor.offsets):
            first.setdefault(facts.id, before)
            last[facts.id] = facts
        same = [Candidate(entry.facts, entry.body) for entry in entries if entry.facts.id not in first]
        were = [
            Candidate(before, b"") for before in first.values() if before and place_of(before) >= cursor.floor and show(before)
        ]
        for entry in self._reader.with_state(ask, [*same, *were]):
            held.put(table.learn(last.get(entry.facts.id, entry.facts), None), entry.facts.id, state_of(entry))
        if held.digest != cursor.digest:
            return False
        # What came while the feed was read is among what came since the cursor, and has its turn there.
        came, watcher.pending = watcher.pending, {}
        for facts in last.values():
            slot = table.slot_of(facts.id)
            if slot is None:
                continue
            now = table.facts_at(slot)
            if held.state_of(slot) is not None or (place_of(now) >= cursor.floor and show(now)):
                watcher.touch(slot)
        watcher.pending |= {slot: is_quiet for slot, is_quiet in came.items() if slot not in watcher.pending}
        return True


def state_of(entry: Entry) -> int:
    """Return what the reader has done with an entry as a number: a bit for each flag."""
    state = 0
    for flag in entry[2:_FLAGS_END]:
        state = 2 * state + bool(flag)
    return state


def _event(watcher: Watcher, slot: int, activity_id: str, entry: Entry | None) -> Event | None:
    """Return what has happened to an activity, and hold that; None where it wasn't and isn't in the feed."""
    was_held = watcher.held.state_of(slot) is not None
    if entry is not None:
        watcher.held.put(slot, activity_id, state_of(entry))
        return Event(Kind.EDITED if was_held else Kind.ADDED, activity_id, entry)
    if was_held:
        watcher.held.drop(slot, activity_id)
        return Event(Kind.REMOVED, activity_id, None)
    return None
