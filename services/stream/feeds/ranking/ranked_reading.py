"""Reading a feed by score: a snapshot of its first candidates, taken at the first page, then newest first below them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from services.contracts.matching import Facts
from services.contracts.page_tokens import fitting
from services.stream.feeds.engine import Candidate, FeedEngine
from services.stream.feeds.history import HistoryAway
from services.stream.feeds.pages import Entry, Page, PageAsk
from services.stream.feeds.places import BOTTOM, TOP, Place, just_above, place_of
from services.stream.feeds.ranking.scoring import Scoring
from services.stream.feeds.ranking.signals import ranking
from services.stream.feeds.ranking.snapshots import Snapshot, Snapshots
from services.stream.feeds.readers import Reader
from services.stream.feeds.reading import FeedReader
from services.stream.feeds.rules import Rules
from services.stream.feeds.timelines import EVERYTHING


class InSnapshot(NamedTuple):
    """Where a page begins: at an index into a snapshot's order."""

    snapshot: str
    begin: int


class Below(NamedTuple):
    """Where a page begins when the snapshot is used up: newest first below a place. top: as of PageAsk."""

    below: Place
    top: Place | None


class Wish(NamedTuple):
    """How a feed is to be ranked. expression: empty for everybody's. since_ms: since when reactions count."""

    expression: str = ""
    since_ms: int = 0


class RankedPage(NamedTuple):
    """entries, scores: of one length; None for what was not scored. after: where the next page begins, None at the end. See Page."""

    entries: list[Entry]
    scores: list[float | None]
    after: InSnapshot | Below | None
    newer: int
    partial: bool


@dataclass(slots=True)
class _Walk:
    """What a page takes from a snapshot. ends: the index after each entry; index: where to go on."""

    index: int
    entries: list[Entry] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    partial: bool = False


class RankedReader:
    """Reads home feeds by score, for users whose relations are here. Raises KeyError for others."""

    def __init__(
        self, reader: FeedReader, engine: FeedEngine, scoring: Scoring, snapshots: Snapshots, clock_ms: Callable[[], int]
    ) -> None:
        """clock_ms: ms since the epoch."""
        self._reader = reader
        self._engine = engine
        self._scoring = scoring
        self._snapshots = snapshots
        self._clock_ms = clock_ms

    async def page(self, ask: PageAsk, wish: Wish, at: InSnapshot | Below | None = None) -> RankedPage:
        """Return one page. at: None for the first one. Raises RankingInvalid and SnapshotGone.

        What is shown passes the filter and the rules of the moment, each entry of a snapshot once, in the snapshot's order. Where a
        timeline can't be had the page is newest first, and partial.
        """
        ask = self._reader.with_people(ask)
        newer = 0
        if isinstance(at, Below):
            return _newest_first(await self._reader.page(ask._replace(below=at.below, top=at.top)))
        if at is None:
            try:
                snapshot = await self._taken(ask, wish)
            except HistoryAway:
                return _newest_first(await self._reader.page(ask))
        else:
            snapshot = self._snapshots.get(ask.user, at.snapshot)
            newer = await self._reader.newer(ask._replace(top=snapshot.top))
        walk = await self._walk(ask, snapshot, 0 if at is None else at.begin)
        rest = None
        if not walk.partial and len(walk.entries) < ask.size and snapshot.floor is not None:
            rest = await self._reader.page(ask._replace(size=ask.size - len(walk.entries), below=snapshot.floor))
        return _joined(snapshot, walk, rest, newer)

    async def _taken(self, ask: PageAsk, wish: Wish) -> Snapshot:
        """Take a snapshot. Raises HistoryAway and RankingInvalid."""
        tree = ranking(wish.expression)
        reader: Reader = await self._reader.active(ask)
        slots, table = self._engine.slots_below(reader, TOP), self._engine.table
        relations = self._reader.rules(ask).relations
        ranked = self._scoring.ranked(tree, slots, relations, since_ms=wish.since_ms, now_ms=self._clock_ms())
        complete_from = self._engine.complete_from(reader)
        snapshot = Snapshot(
            facts=_picked(table.facts, ranked.slots.tolist()),
            scores=ranked.scores,
            top=place_of(table.facts_at(int(slots[-1]))) if len(slots) else BOTTOM,
            floor=None if complete_from == EVERYTHING else just_above(complete_from),
        )
        self._snapshots.keep(ask.user, snapshot)
        return snapshot

    async def _walk(self, ask: PageAsk, snapshot: Snapshot, index: int) -> _Walk:
        walk = _Walk(index)
        while walk.index < len(snapshot.facts) and len(walk.entries) < ask.size and not walk.partial:
            rules = self._reader.rules(ask)
            chosen, end = self._chosen(rules, snapshot, walk.index, ask.size - len(walk.entries))
            candidates = list(chosen.values())
            if not rules.relations.words and self._is_at_hand(ask, candidates):
                walk.entries += self._reader.with_state(ask, candidates)
                walk.ends += (at + 1 for at in chosen)
                walk.index = end
                continue
            try:
                candidates = await self._reader.hydrated(ask, candidates)
            except HistoryAway:
                # What can't be shown must not be skipped.
                missing = next(at for at, candidate in chosen.items() if candidate.body is None)
                candidates, end = [candidate for at, candidate in chosen.items() if at < missing], missing
                walk.partial = True
            try:
                # What she likes goes along with her timeline.
                if self._engine.readers.get(ask.user) is None:
                    await self._reader.active(ask)
            except HistoryAway:
                walk.partial = True
                return walk
            at_of = {candidate.facts.id: at for at, candidate in chosen.items()}
            shown = self._reader.entries_now(ask, candidates)
            walk.entries += shown
            walk.ends += (at_of[entry.id] + 1 for entry in shown)
            walk.index = end
        return walk

    def _is_at_hand(self, ask: PageAsk, candidates: list[Candidate]) -> bool:
        """Return whether candidates can be shown as they are, without waiting."""
        return self._engine.readers.get(ask.user) is not None and all(candidate.body is not None for candidate in candidates)

    def _chosen(self, rules: Rules, snapshot: Snapshot, index: int, room: int) -> tuple[dict[int, Candidate], int]:
        """Return the next candidates that are in the feed now, by their index, and where to go on."""
        show, table, chosen = rules.show, self._engine.table, dict[int, Candidate]()
        slot_of, known, bodies = table.slot_of, table.facts, table.bodies
        for at in range(index, len(snapshot.facts)):
            if len(chosen) == room:
                return chosen, at
            facts, body, slot = snapshot.facts[at], None, slot_of(snapshot.facts[at].id)
            if slot is not None:
                facts, body = known[slot] or facts, bodies[slot]
            if show(facts):
                chosen[at] = Candidate(facts, body)
        return chosen, len(snapshot.facts)


def _picked(facts: list[Facts | None], slots: list[int]) -> tuple[Facts, ...]:
    """Return the facts of slots in use."""
    if len(slots) < 2:  # noqa: PLR2004 - a getter of one gives no tuple
        return tuple(known for slot in slots if (known := facts[slot]) is not None)
    picked: tuple[Facts, ...] = itemgetter(*slots)(facts)
    return picked


def _newest_first(page: Page) -> RankedPage:
    after = None if page.below is None else Below(page.below, page.top)
    return RankedPage(page.entries, [None] * len(page.entries), after, page.newer, page.partial)


def _joined(snapshot: Snapshot, walk: _Walk, rest: Page | None, newer: int) -> RankedPage:
    entries = walk.entries + (rest.entries if rest else [])
    scores: list[float | None] = [float(snapshot.scores[end - 1]) for end in walk.ends]
    scores += [None] * (len(entries) - len(scores))
    after: InSnapshot | Below | None = None
    kept = fitting(len(entry.body) for entry in entries) if entries else 0
    if kept < len(entries):
        after = (
            InSnapshot(snapshot.id, walk.ends[kept - 1])
            if kept <= len(walk.ends)
            else Below(entries[kept - 1].place, snapshot.top)
        )
    elif walk.index < len(snapshot.facts):
        after = InSnapshot(snapshot.id, walk.index)
    elif (below := snapshot.floor if rest is None else rest.below) is not None:
        after = Below(below, snapshot.top)
    return RankedPage(entries[:kept], scores[:kept], after, newer, walk.partial or bool(rest and rest.partial))
