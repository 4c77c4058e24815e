"""Reading a feed: skeleton → hydrate → rules → present, exact from the first page to the last."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import NamedTuple

from services.contracts.matching import Facts, delivery_names
from services.contracts.page_tokens import fitting
from services.stream.feeds.backfill import Backfill, CatchUp, Stretch
from services.stream.feeds.counting import Counting, Counts
from services.stream.feeds.engine import Candidate, FeedEngine
from services.stream.feeds.history import History, HistoryAway
from services.stream.feeds.hydration import Hydration
from services.stream.feeds.likes import likes
from services.stream.feeds.outboxes import Outbox, OutboxRules, outbox_of
from services.stream.feeds.pages import Entry, Page, PageAsk
from services.stream.feeds.places import BOTTOM, TOP, Place, just_above, place_of
from services.stream.feeds.readers import Reader
from services.stream.feeds.regeneration import Regeneration
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.rules import Rules
from services.stream.feeds.saved_feed import SavedFeed
from services.stream.feeds.threads.asking import Thread, ThreadAsk
from services.stream.feeds.threads.thread_reading import ThreadReader
from services.stream.feeds.timelines import EVERYTHING, Slots

_MOST_ASKED = 2000
# A filter that hardly anything passes is given up after that many looks; the page then says that it is partial.
_ROUNDS = 40
_AT_ONCE = 64
# A tuple with named fields, without the call that names them: a third of the time, for every entry of every page.
_new = tuple.__new__
# Of a candidate as of an entry.
_body_of = itemgetter(1)


@dataclass(slots=True)
class _Skeleton:
    """Candidates of a page. floor: nothing between it and the last candidate is missing; None: nothing at all."""

    candidates: list[Candidate]
    floor: Place | None
    partial: bool = False
    asked_history: bool = False


class InMemory(NamedTuple):
    """Candidates of a timeline, newest first, with their slots. floor: none is missing above it; None: none at all."""

    facts: list[Facts]
    slots: Slots
    floor: Place | None


class FeedReader:
    """Reads feeds for the users whose relations are here: their home feeds, and outboxes. Raises KeyError for others."""

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
        self._hydration = Hydration(engine, history)
        self._backfill = Backfill(engine, history, catch_up)
        self._least_asked = least_asked
        self._regeneration = Regeneration(engine, state, self._backfill, clock)
        self._threads = ThreadReader(
            engine, state, self._backfill, self._hydration, regeneration=self._regeneration, present=self._presented
        )
        self._counting = Counting(engine, state, history, self._backfill, self._regeneration)
        self._saved = SavedFeed(
            engine, state, history, self._regeneration, lambda ask, found: self._entries(ask, found, self._rules(ask))
        )

    async def thread(self, ask: ThreadAsk) -> Thread:
        """Return one page of a conversation, see ThreadReader."""
        return await self._threads.page(ask)

    async def page(self, ask: PageAsk) -> Page:
        """Return one page. Where history is needed and away the page ends early, says so, and its place lets one go on."""
        ask = self._with_people(ask)
        if ask.saved:
            return await self._saved.page(ask)
        # Nobody keeps the timelines of outboxes.
        return (None if ask.of else self._from_memory(ask)) or await self._page(ask)

    async def counts(self, ask: PageAsk) -> Counts:
        """Return how much of a home feed is not seen and not read; at_least where history is needed and away."""
        return await self._counting.counts(self._with_people(ask))

    def _with_people(self, ask: PageAsk) -> PageAsk:
        """Return the same with all names of the people whose entries are asked for."""
        if not ask.wanted.actors:
            return ask
        people = self._state.identities.expanded(frozenset(ask.wanted.actors))
        return ask._replace(wanted=replace(ask.wanted, actors=tuple(people)))

    def rules(self, ask: PageAsk) -> Rules:
        """Return what decides at the moment. The people that are asked for must be given with all of their names."""
        return self._rules(ask)

    def entries_now(self, ask: PageAsk, candidates: Iterable[Candidate]) -> list[Entry]:
        """Return the entries of candidates that are in the feed at the moment; those without a body are left out. ask: as for rules."""
        return self._still_shown(ask, candidates)

    def with_state(self, ask: PageAsk, candidates: Iterable[Candidate]) -> list[Entry]:
        """Return candidates with what the reader has done with each, whether they are in the feed or not."""
        return self._entries(ask, candidates, self._rules(ask))

    # What another order of the same feed is made of.

    def with_people(self, ask: PageAsk) -> PageAsk:
        """Return what is asked for with all names of the people in it."""
        return self._with_people(ask)

    async def active(self, ask: PageAsk) -> Reader:
        """Return the reader with a timeline that is worth reading. Raises HistoryAway."""
        return await self._reader(ask, TOP)

    async def hydrated(self, ask: PageAsk, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return candidates with bodies, without what is gone, see Hydration. Raises HistoryAway."""
        return await self._hydrated(ask, candidates)

    async def newer(self, ask: PageAsk) -> int:
        """Return how many entries stand above the top that is asked for."""
        return await self._newer(ask)

    def newer_in_memory(self, ask: PageAsk) -> int | None:
        """Return how many entries stand above the top that is asked for, None where that isn't at hand."""
        if ask.top is None:
            return 0
        reader = self._regeneration.ready(ask.user, employee=ask.employee)
        return None if reader is None else self._newer_in_memory(ask.top, reader, self._rules(ask))

    def in_memory(self, ask: PageAsk, below: Place, enough: int, most: int, bucket_ms: int) -> InMemory | None:
        """Return the newest candidates of a home feed below a place: enough of them and on to the end of a bucket.

        most: so many, whatever that cuts. None where a timeline doesn't know.
        """
        reader = self._regeneration.ready(ask.user, employee=ask.employee)
        if reader is None or ask.of or self._state.reader(ask.user, employee=ask.employee).words:
            return None
        slots = self._engine.slots_below(reader, below)
        if below is TOP and self._is_spoiled(reader, len(slots), ask):
            return None
        first, floor = max(0, len(slots) - most), self._floor(reader, below)
        if len(slots) > enough:
            keys = self._engine.table.sort_keys.take(slots)
            last = int(keys[-enough])
            begin = int(keys.searchsorted(last - last % bucket_ms))
            if begin > first:
                first, floor = begin, Place(last - last % bucket_ms, "")
        if first and first == len(slots) - most:
            floor = place_of(self._engine.table.facts_at(int(slots[first])))
        slots = slots[first:][::-1]
        facts = [known for known in map(self._engine.table.facts.__getitem__, slots.tolist()) if known]
        return InMemory(facts, slots, floor) if len(facts) == len(slots) else None

    async def stretch(self, ask: PageAsk, below: Place, most: int) -> _Skeleton:
        """Return the newest that a feed shows below a place, most of them at the most, also from history. Raises HistoryAway."""
        return await self._skeleton(ask, below, most)

    def _from_memory(self, ask: PageAsk) -> Page | None:
        """Return the page if all that it needs is at hand, which is what most reads find."""
        reader = self._regeneration.ready(ask.user, employee=ask.employee)
        rules = self._rules(ask)
        if reader is None or rules.relations.words:
            return None
        skeleton = self._newest(ask, reader, rules)
        if skeleton is None:
            slots = self._engine.slots_below(reader, ask.below)
            if ask.below is TOP and self._is_spoiled(reader, len(slots), ask):
                return None
            skeleton = self._picked(slots, rules, ask.size, self._floor(reader, ask.below))
        short = skeleton.floor is not None and len(skeleton.candidates) < ask.size
        if short or None in map(_body_of, skeleton.candidates):
            return None
        newer = 0
        if ask.top is not None:
            counted = self._newer_in_memory(ask.top, reader, rules)
            if counted is None:
                return None
            newer = counted
        return self._finished(ask, self._entries(ask, skeleton.candidates, rules), skeleton, newer)

    def _newest(self, ask: PageAsk, reader: Reader, rules: Rules) -> _Skeleton | None:
        """Return a first page that a timeline's newest candidates fill with one to spare, None when they don't."""
        if ask.below is not TOP:
            return None
        skeleton = self._picked(self._engine.newest_slots(reader), rules, ask.size, None)
        return None if skeleton.floor is None else skeleton

    async def _page(self, ask: PageAsk) -> Page:
        entries: list[Entry] = []
        below, newer, asked_history = ask.below, 0, False
        for round_number in range(_ROUNDS):
            try:
                skeleton = await self._skeleton(ask, below, ask.size - len(entries))
            except HistoryAway:
                skeleton = _Skeleton([], below, partial=True)
            if round_number == 0 and not skeleton.partial:
                newer = await self._newer(ask)
            await self._hydrate(ask, skeleton, below)
            asked_history |= skeleton.asked_history
            if self._engine.readers.get(ask.user) is None:
                # What she likes went along with her row: once more, from the same place.
                skeleton = _Skeleton([], below, partial=skeleton.partial)
            entries += self._still_shown(ask, skeleton.candidates)
            if skeleton.floor is None or skeleton.partial or len(entries) >= ask.size:
                break
            below = skeleton.floor
        else:
            skeleton.partial = True
        skeleton.asked_history = asked_history
        return self._finished(ask, entries, skeleton, newer)

    async def _skeleton(self, ask: PageAsk, below: Place, room: int) -> _Skeleton:
        """Return the next candidates below a place: from the timeline, then from history. Raises HistoryAway."""
        if ask.of:
            # Her likes are kept along with her row.
            await self._regeneration.reader(ask.user, employee=ask.employee)
            skeleton = _Skeleton([], below)
            await self._from_history(ask, skeleton, room)
            return skeleton
        reader = await self._reader(ask, below)
        slots = self._engine.slots_below(reader, below)
        skeleton = self._picked(slots, self._rules(ask), room, self._floor(reader, below))
        await self._from_history(ask, skeleton, room)
        return skeleton

    async def _reader(self, ask: PageAsk, below: Place) -> Reader:
        reader = await self._regeneration.reader(ask.user, employee=ask.employee)
        if below != TOP or not self._is_spoiled(reader, self._engine.covered(reader), ask):
            return reader
        try:
            # Arrivals in an odd order (an old archive, newest first) leave little above complete_from.
            return await self._regeneration.reader(ask.user, employee=ask.employee, anew=True)
        except HistoryAway:
            # The little there is; whoever evicted her meanwhile leaves nothing.
            if spoiled := self._regeneration.ready(ask.user, employee=ask.employee):
                return spoiled
            raise

    def _is_spoiled(self, reader: Reader, covered: int, ask: PageAsk) -> bool:
        if covered >= ask.size:
            return False
        return self._engine.complete_from(reader) != EVERYTHING and covered < self._engine.limits.capacity // 2

    def _floor(self, reader: Reader, below: Place) -> Place | None:
        """Return down to where a timeline says everything, None for all the way."""
        complete_from = self._engine.complete_from(reader)
        return None if complete_from == EVERYTHING else min(below, just_above(complete_from))

    def _rules(self, ask: PageAsk) -> Rules:
        relations = self._state.reader(ask.user, employee=ask.employee)
        if ask.of:
            return OutboxRules(self._outbox(ask), relations, ask.wanted, self._state.marks(ask.user))
        return Rules(relations, ask.wanted, self._state.marks(ask.user))

    def _picked(self, slots: Slots, rules: Rules, room: int, floor: Place | None) -> _Skeleton:
        """Return the newest candidates that rules show. slots: oldest first; floor: what holds below the oldest of them."""
        facts, bodies, show = self._engine.table.facts, self._engine.table.bodies, rules.show
        candidates: list[Candidate] = []
        for end in range(len(slots), 0, -_AT_ONCE):
            for slot in slots[max(0, end - _AT_ONCE) : end][::-1].tolist():
                known = facts[slot]
                if known is not None and show(known):
                    if len(candidates) == room:
                        return _Skeleton(candidates, candidates[-1].place)
                    candidates.append(_new(Candidate, (known, bodies[slot])))
        return _Skeleton(candidates, floor)

    async def _from_history(self, ask: PageAsk, skeleton: _Skeleton, room: int) -> None:
        limit = max(self._least_asked, 2 * room)
        for _ in range(_ROUNDS):
            if skeleton.floor is None or len(skeleton.candidates) >= room:
                return
            skeleton.asked_history = True
            try:
                stretch = await self._stretch(ask, skeleton.floor, limit)
            except HistoryAway:
                skeleton.partial = True
                return
            rules, left = self._rules(ask), room - len(skeleton.candidates)
            found = [candidate for candidate in stretch.candidates if rules.show(candidate.facts)]
            skeleton.candidates += found[:left]
            skeleton.floor = found[left - 1].place if len(found) > left else stretch.floor
            limit = min(2 * limit, _MOST_ASKED)
        skeleton.partial = True

    async def _stretch(self, ask: PageAsk, below: Place, limit: int, above: Place | None = None) -> Stretch:
        relations = self._state.reader(ask.user, employee=ask.employee)
        names, narrowed = delivery_names(relations), ask.wanted
        if ask.of:
            outbox = self._outbox(ask)
            possible = outbox.narrowed(narrowed)
            if possible is None:
                return Stretch([], None)
            names, narrowed = outbox.names, possible
        return await self._backfill.stretch(names, relations, below, limit, narrowed=narrowed, above=above)

    def _outbox(self, ask: PageAsk) -> Outbox:
        return outbox_of(ask.of, self._state.reader(ask.user, employee=ask.employee), self._state.identities)

    async def _hydrate(self, ask: PageAsk, skeleton: _Skeleton, below: Place) -> None:
        try:
            skeleton.candidates = await self._hydrated(ask, skeleton.candidates)
        except HistoryAway:
            _end_before_missing(skeleton, below)

    async def _hydrated(self, ask: PageAsk, candidates: Sequence[Candidate]) -> list[Candidate]:
        return await self._hydration.with_bodies(candidates, lambda: self._rules(ask).relations)

    def _still_shown(self, ask: PageAsk, candidates: Iterable[Candidate]) -> list[Entry]:
        """Return the entries of candidates that are in the feed now, after all that may have happened while we waited."""
        rules, shown = self._rules(ask), list[Candidate]()
        for candidate in candidates:
            now = self._engine.present(candidate.facts) or candidate
            body = now.body or candidate.body
            known = body is not None and rules.show(now.facts) and (now is candidate or rules.show(candidate.facts))
            if body is not None and known and not rules.silence(now.facts, body):
                shown.append(Candidate(candidate.facts, body))
        return self._entries(ask, shown, rules)

    def _entries(self, ask: PageAsk, candidates: Iterable[Candidate], rules: Rules) -> list[Entry]:
        relations, marks = rules.relations, rules.marks
        liked = self._engine.likes.of(ask.user)
        if not liked and marks.empty:
            return [_new(Entry, (facts, body, False, False, False, False, False)) for facts, body in candidates]
        saved, done, is_read, is_seen = marks.saved, marks.done, marks.is_read, marks.is_seen
        entries: list[Entry] = []
        for facts, body in candidates:
            activity_id = facts.id
            likes_it = activity_id in liked and likes(relations, liked, activity_id)
            marked = activity_id in saved, is_read(facts), activity_id in done, is_seen(facts)
            entries.append(_new(Entry, (facts, body, likes_it, *marked)))
        return entries

    def _presented(self, ask: PageAsk, candidates: Iterable[Candidate]) -> list[Entry]:
        return self._entries(ask, candidates, self._rules(ask))

    def _finished(self, ask: PageAsk, entries: list[Entry], skeleton: _Skeleton, newer: int) -> Page:
        below = skeleton.floor
        if entries and (kept := fitting(map(len, map(_body_of, entries)))) < len(entries):
            entries = entries[:kept]
            below = entries[-1].place
        top = ask.top
        if top is None and not (skeleton.partial and not entries):
            top = entries[0].place if entries else BOTTOM
        return Page(entries, below, top, newer, skeleton.partial, skeleton.asked_history)

    def _newer_in_memory(self, top: Place, reader: Reader, rules: Rules) -> int | None:
        """Return how many entries stand above top, None where the timeline doesn't reach down to it."""
        newer = 0
        for candidate in self._engine.timeline(reader, TOP):
            if candidate.place <= top:
                return newer
            newer += rules.show(candidate.facts)
        complete_from = self._engine.complete_from(reader)
        return newer if complete_from == EVERYTHING or just_above(complete_from) <= top else None

    async def _newer(self, ask: PageAsk) -> int:
        """Return how many entries stand above the first page's first one: exact up to what one question to history adds."""
        if ask.top is None:
            return 0
        top, rules = ask.top, self._rules(ask)
        above: list[Candidate] = []
        try:
            floor: Place | None = TOP
            if not ask.of:
                reader = await self._regeneration.reader(ask.user, employee=ask.employee)
                above += (candidate for candidate in self._engine.timeline(reader, TOP) if candidate.place > top)
                floor = self._floor(reader, TOP)
            if floor is not None and floor > top:
                above += (await self._stretch(ask, floor, _MOST_ASKED, top)).candidates
            above = [candidate for candidate in above if rules.show(candidate.facts) and candidate.place > top]
            if rules.relations.words:
                above = await self._hydrated(ask, above[:_MOST_ASKED])
        except HistoryAway:
            above = [candidate for candidate in above if rules.show(candidate.facts)]
        return sum(1 for facts, body in above if body is None or not rules.silence(facts, body))


def _end_before_missing(skeleton: _Skeleton, below: Place) -> None:
    """Cut the page before the first entry without a body: what can't be shown must not be skipped."""
    first = next(at for at, candidate in enumerate(skeleton.candidates) if candidate.body is None)
    skeleton.candidates = skeleton.candidates[:first]
    skeleton.floor = skeleton.candidates[-1].place if skeleton.candidates else below
    skeleton.partial = True
