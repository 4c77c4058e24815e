"""Reading a rolled-up feed: the same candidates and rules as ever, grouped when they are read; from memory or history alike."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, takewhile
from typing import Final, NamedTuple

import numpy as np

from services.contracts.matching import Facts
from services.contracts.page_tokens import MAX_ANSWER_BYTES
from services.stream.feeds.engine import Candidate, FeedEngine
from services.stream.feeds.history import HistoryAway
from services.stream.feeds.pages import Entry, PageAsk
from services.stream.feeds.places import BOTTOM, Place, place_of
from services.stream.feeds.reading import FeedReader, InMemory
from services.stream.feeds.rollup_columns import CommonColumns
from services.stream.feeds.rollup_details import FACES, Rollup, details, faces_of
from services.stream.feeds.rollup_pages import RUN, Cursor, Folded, Group, Run, fold, is_cut
from services.stream.feeds.rollups import Rule, commons, grouped, part_of

_ROUNDS: Final = 40
_ATTEMPTS: Final = 5
# Candidates for each group that is wanted, where a bucket doesn't ask for more: most groups are small.
_FOR_ONE: Final = 4
# Of a bucket that a timeline has in part so many are grouped without asking history for the rest.
_ENOUGH: Final = RUN // 2


class RolledEntry(NamedTuple):
    """One group as one reader sees it: its newest activity. rollup: None for an activity that is alone; faces: bodies of its faces."""

    entry: Entry
    rollup: Rollup | None
    faces: Sequence[bytes]


class RolledPage(NamedTuple):
    """entries: newest first. after: where the next page begins, None at the end. newer: activities above top. See Page."""

    entries: list[RolledEntry]
    after: Cursor | None
    top: Place | None
    newer: int
    partial: bool
    asked_history: bool = False


class _Stretch(NamedTuple):
    """A piece of the feed, newest first, by id. floor: nothing is missing between it and where the piece begins; None: nothing at all."""

    candidates: dict[str, Candidate]
    floor: Place | None
    partial: bool = False
    asked_history: bool = False


class _Found(NamedTuple):
    """What one run gave. after: where to go on; ended: the page ends there."""

    entries: list[RolledEntry]
    after: Cursor | None
    ended: bool
    partial: bool


class RolledReader:
    """Reads feeds rolled up, for users whose relations are here. Raises KeyError for others."""

    def __init__(self, reader: FeedReader, engine: FeedEngine, person_of: Callable[[str], str]) -> None:
        """person_of: whose account a name is."""
        self._reader = reader
        self._engine = engine
        self._person_of = person_of
        self._columns = CommonColumns()

    async def page(self, ask: PageAsk, rule: Rule, cursor: Cursor) -> RolledPage:
        """Return one page of at most ask.size groups. Of ask the cursor's place counts, not its own.

        What is in the feed from the first page to the last is in exactly one group of one page. Where history is needed and away the
        page ends early, says so, and its cursor lets one go on.
        """
        ask = self._reader.with_people(ask)
        return self._from_memory(ask, rule, cursor) or await self._page(ask, rule, cursor)

    def _from_memory(self, ask: PageAsk, rule: Rule, cursor: Cursor) -> RolledPage | None:
        """Return the page if all that it needs is at hand."""
        for enough in (_FOR_ONE * ask.size, RUN):
            found = self._reader.in_memory(ask, cursor.below, enough, RUN, rule.bucket_ms)
            if found is None:
                return None
            folded = self._first_groups(ask, rule, cursor, found)
            if folded is not None and (len(folded.groups) == ask.size or folded.after is None):
                return self._folded_page(ask, folded)
        return None

    def _first_groups(self, ask: PageAsk, rule: Rule, cursor: Cursor, found: InMemory) -> Folded | None:
        """Return the first groups of what is shown of candidates, None where they are too few of a bucket.

        Rules are asked of few of them: of the first, and of what would be in groups with those if everything were shown. What a page
        says is decided by those alone, as long as the groups that fill it and the one after them begin among the first.
        """
        facts, slots, floor = found
        if is_cut(facts, floor, rule) and len(facts) < _ENOUGH:
            return None
        had, times = self._columns.of(slots, facts), self._engine.table.sort_keys.take(slots)
        show = self._reader.rules(ask).show
        first = 2 * ask.size
        if first < len(facts) and not cursor.seen:
            groups = grouped(had, times, rule)
            some = np.flatnonzero(groups.newest < first).tolist()
            kept = [at for at in some if show(facts[at])]
            shown = [facts[at] for at in kept]
            if shown and is_cut(shown, floor, rule) == is_cut(facts, floor, rule):
                known = part_of(groups, some, kept)
                folded = fold(Run(shown, had[:, kept], times[kept], floor, groups=known), cursor, rule, ask.size)
                if folded.following is not None and place_of(folded.following) >= place_of(facts[first - 1]):
                    return folded
        kept = [at for at, each in enumerate(facts) if show(each)]
        shown = [facts[at] for at in kept]
        if is_cut(shown, floor, rule) and len(shown) < _ENOUGH:
            return None
        return fold(Run(shown, had[:, kept], times[kept], floor), cursor, rule, ask.size)

    def _folded_page(self, ask: PageAsk, folded: Folded) -> RolledPage | None:
        table, bodies = self._engine.table, dict[str, bytes]()
        for facts in self._needed(folded.groups):
            slot = table.slot_of(facts.id)
            body = None if slot is None else table.bodies[slot]
            if body is None:
                return None
            bodies[facts.id] = body
        newer = self._reader.newer_in_memory(ask)
        if newer is None or sum(map(len, bodies.values())) > MAX_ANSWER_BYTES:
            return None
        entries = self._entries(ask, folded.groups, bodies)
        return RolledPage(entries, folded.after, _top(ask, entries), newer, partial=False)

    async def _page(self, ask: PageAsk, rule: Rule, cursor: Cursor) -> RolledPage:
        entries: list[RolledEntry] = []
        after: Cursor | None = cursor
        newer, asked_history, partial = 0, False, True
        for number in range(_ROUNDS):
            if after is None:
                break
            run = await self._run(ask, rule, after, ask.size - len(entries))
            if number == 0 and not run.partial:
                newer = await self._reader.newer(ask)
            room = ask.size - len(entries), MAX_ANSWER_BYTES - sum(map(_size, entries))
            found = await self._round(ask, rule, after, run, room)
            asked_history |= run.asked_history
            partial = found.partial
            if self._engine.readers.get(ask.user) is not None:
                entries += found.entries
                after = found.after
            # What she likes went along with her row: once more, from the same place.
            elif not partial:
                continue
            if after is None or found.ended or partial or len(entries) >= ask.size:
                break
        else:
            partial = True
        return RolledPage(entries, after, _top(ask, entries, partial=partial), newer, partial, asked_history)

    async def _run(self, ask: PageAsk, rule: Rule, cursor: Cursor, room: int) -> _Stretch:
        """Return what stands below a cursor: enough for so many groups, and a bucket as far as one is grouped at a time."""
        for most in (min(_FOR_ONE * room, RUN), RUN):
            try:
                found = await self._reader.stretch(ask, cursor.below, most)
            except HistoryAway:
                return _Stretch({}, cursor.below, partial=True, asked_history=True)
            candidates = {candidate.facts.id: candidate for candidate in found.candidates}
            run = _Stretch(candidates, found.floor, found.partial, found.asked_history)
            facts = [candidate.facts for candidate in found.candidates]
            if run.partial or len(facts) >= RUN or not is_cut(facts, run.floor, rule):
                break
        return run

    async def _round(self, ask: PageAsk, rule: Rule, cursor: Cursor, run: _Stretch, room: tuple[int, int]) -> _Found:
        """Return the groups of a run as they are now, with all that may have happened while bodies were fetched.

        room: how many groups, and how many bytes.
        """
        candidates = dict(run.candidates)
        for _ in range(_ATTEMPTS):
            known = self._still_shown(ask, candidates, run)
            facts = [candidate.facts for candidate in known.values()]
            times = np.array([each.sort_time_ms for each in facts], np.int64)
            piece = Run(facts, commons(facts), times, run.floor, cut=run.partial)
            folded = fold(piece, cursor, rule, room[0])
            has_words = bool(self._reader.rules(ask).relations.words)
            needed = facts if has_words else self._needed(folded.groups)
            missing = [known[each.id] for each in needed if known[each.id].body is None]
            at_hand = folded.groups
            if missing:
                try:
                    fetched = {each.facts.id: each for each in await self._reader.hydrated(ask, missing)}
                except HistoryAway:
                    # What can't be shown must not be skipped.
                    at_hand = [] if has_words else _before_missing(folded.groups, known)
                else:
                    _put(candidates, missing, fetched)
                    continue
            bodies = {name: candidate.body for name, candidate in known.items() if candidate.body is not None}
            entries = self._entries(ask, at_hand, bodies)
            kept = _fitting(entries, room[1], at_least=int(room[1] == MAX_ANSWER_BYTES))
            ended = kept < len(folded.groups)
            if ended:
                folded = fold(piece, cursor, rule, kept) if kept else Folded([], cursor)
            return _Found(entries[:kept], folded.after, ended, run.partial or bool(missing))
        return _Found([], cursor, ended=True, partial=True)

    def _still_shown(self, ask: PageAsk, candidates: Mapping[str, Candidate], run: _Stretch) -> dict[str, Candidate]:
        """Return those of a run that are in the feed at the moment, where they were, as they are now."""
        rules, known = self._reader.rules(ask), dict[str, Candidate]()
        for name, candidate in candidates.items():
            now = self._engine.present(candidate.facts) or candidate
            body = now.body or candidate.body
            if now.place != run.candidates[name].place or not rules.show(now.facts):
                continue
            if (now is candidate or rules.show(candidate.facts)) and not (body and rules.silence(now.facts, body)):
                known[name] = Candidate(now.facts, body)
        return known

    def _needed(self, groups: Iterable[Group]) -> list[Facts]:
        """Return what must be shown of groups: the newest of each, and her newest of each of the latest people."""
        needed: list[Facts] = []
        for group in groups:
            if len(group.members) == 1:
                needed.append(group.members[0])
            else:
                needed += list(faces_of(group, self._person_of).values())[:FACES]
        return needed

    def _entries(self, ask: PageAsk, groups: Sequence[Group], bodies: Mapping[str, bytes]) -> list[RolledEntry]:
        is_read = self._reader.rules(ask).marks.is_read
        newest = [Candidate(group.members[0], bodies[group.members[0].id]) for group in groups]
        entries: list[RolledEntry] = []
        for group, entry in zip(groups, self._reader.with_state(ask, newest), strict=True):
            if len(group.members) == 1:
                entries.append(RolledEntry(entry, None, ()))
                continue
            rollup = details(group, self._person_of, is_read)
            entries.append(RolledEntry(entry, rollup, [bodies[facts.id] for facts in rollup.faces if facts.id in bodies]))
        return entries


def _before_missing(groups: list[Group], known: Mapping[str, Candidate]) -> list[Group]:
    """Return the groups before the first whose newest activity has no body at hand."""
    return list(takewhile(lambda group: known[group.members[0].id].body is not None, groups))


def _put(candidates: dict[str, Candidate], asked: Iterable[Candidate], fetched: Mapping[str, Candidate]) -> None:
    """Put what was fetched where it was asked for; what was not is gone, or closed to the reader."""
    for candidate in asked:
        name = candidate.facts.id
        if name in fetched:
            candidates[name] = fetched[name]
        else:
            del candidates[name]


def _size(entry: RolledEntry) -> int:
    return len(entry.entry.body) + sum(map(len, entry.faces))


def _fitting(entries: Iterable[RolledEntry], room: int, *, at_least: int) -> int:
    """Return how many of the first entries fit into so many bytes. at_least: so many do in any case."""
    sizes = list(accumulate(map(_size, entries)))
    return max(min(at_least, len(sizes)), sum(size <= room for size in sizes))


def _top(ask: PageAsk, entries: Sequence[RolledEntry], *, partial: bool = False) -> Place | None:
    """Return above what something is newer than the first page; None where a first page says nothing."""
    if ask.top is not None or (partial and not entries):
        return ask.top
    return entries[0].entry.place if entries else BOTTOM
