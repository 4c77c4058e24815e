"""The feed of what a user has saved: the last saved first, whatever it is and whoever may have hidden it since."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import NamedTuple

from services.contracts.page_tokens import fitting
from services.contracts.seeing import may_see
from services.stream.feeds.by_id import ActivitiesById
from services.stream.feeds.engine import Candidate, FeedEngine
from services.stream.feeds.history import History, HistoryAway
from services.stream.feeds.pages import Entry, Page, PageAsk
from services.stream.feeds.places import BOTTOM, TOP, Place
from services.stream.feeds.regeneration import Regeneration
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.rules import Rules

_ID_BYTES = 16
_FEWEST_AT_ONCE, _MOST_AT_ONCE = 20, 200
# A filter that hardly anything passes is given up after that many looks; the page then says that it is partial.
_ROUNDS = 40


class _Saved(NamedTuple):
    """offset: of the mark's record, which is its place in this feed."""

    offset: int
    candidate: Candidate


class SavedFeed:
    """Reads what users have saved whose relations are here. Raises KeyError for others.

    A place in this feed is the offset of a mark's record: to save something once more brings it to the top.
    """

    def __init__(
        self,
        engine: FeedEngine,
        state: RelationState,
        history: History,
        regeneration: Regeneration,
        present: Callable[[PageAsk, Iterable[Candidate]], list[Entry]],
    ) -> None:
        """Take the parts. present: returns candidates with what the reader has done with each."""
        self._engine = engine
        self._state = state
        self._by_id = ActivitiesById(engine, history)
        self._regeneration = regeneration
        self._present = present

    async def page(self, ask: PageAsk) -> Page:
        """Return one page. Where history is needed and away the page ends early, says so, and its place lets one go on."""
        saved: list[_Saved] = []
        shown: list[_Saved] = []
        below, at_once, newer = ask.below, min(max(ask.size, _FEWEST_AT_ONCE), _MOST_AT_ONCE), 0
        try:
            newer = await self._newer(ask)
            for _ in range(_ROUNDS):
                following, some = await self._next(ask, below, at_once)
                await self._likes(ask)
                saved += some
                shown = self._still_shown(ask, saved)
                if following is None or len(shown) >= ask.size:
                    return self._finished(ask, shown, following, newer)
                below = following
                at_once = min(2 * at_once, _MOST_AT_ONCE)
        except HistoryAway:
            if self._engine.readers.get(ask.user) is None:
                # What she likes went along with her timeline: once more, from the same place.
                shown, below = [], ask.below
        return self._finished(ask, shown, below, newer, partial=True)

    async def _next(self, ask: PageAsk, below: Place, count: int) -> tuple[Place | None, list[_Saved]]:
        """Return what was saved before a place, and where to go on, None when that is all. Raises HistoryAway."""
        marks = self._marks(ask.user, below=below.sort_time_ms, count=count + 1)
        offsets = {activity_id: offset for offset, activity_id in marks[:count]}
        found = await self._by_id.of(list(offsets), lambda: self._rules(ask).relations)
        on = Place(marks[count - 1][0], "") if len(marks) > count else None
        return on, [_Saved(offset, found[activity_id]) for activity_id, offset in offsets.items() if activity_id in found]

    async def _newer(self, ask: PageAsk) -> int:
        """Return how much that passes was saved since the first page. Raises HistoryAway."""
        if ask.top is None:
            return 0
        above, below, saved = ask.top.sort_time_ms, TOP, list[_Saved]()
        while self._marks(ask.user, below=below.sort_time_ms, count=1, above=above):
            following, some = await self._next(ask, below, _MOST_AT_ONCE)
            saved += (each for each in some if each.offset > above)
            if following is None:
                break
            below = following
        return len(self._still_shown(ask, saved))

    async def _likes(self, ask: PageAsk) -> None:
        """Have what she likes at hand until something is waited for: it is kept along with her timeline. Raises HistoryAway."""
        await self._regeneration.reader(ask.user, employee=ask.employee)

    def _marks(self, user: str, *, below: int, count: int, above: int = -1) -> list[tuple[int, str]]:
        """Return the offsets and ids of the last that were saved between two places, the last first, at most count."""
        offsets, ids = self._state.saved_in_order(user)
        marks: list[tuple[int, str]] = []
        for place in range(bisect_left(offsets, below) - 1, -1, -1):
            if len(marks) == count or offsets[place] <= above:
                break
            marks.append((offsets[place], ids[place * _ID_BYTES : (place + 1) * _ID_BYTES].hex()))
        return marks

    def _rules(self, ask: PageAsk) -> Rules:
        relations = self._state.reader(ask.user, employee=ask.employee)
        return Rules(relations, ask.wanted, self._state.marks(ask.user), may_see(relations))

    def _still_shown(self, ask: PageAsk, saved: Iterable[_Saved]) -> list[_Saved]:
        """Return what is in the feed now, after all that may have happened while we waited."""
        rules, shown = self._rules(ask), list[_Saved]()
        for offset, candidate in saved:
            now = self._engine.known(candidate.facts.id) or candidate
            is_saved = candidate.facts.id in rules.marks.saved
            if is_saved and rules.show(now.facts) and rules.show(candidate.facts):
                shown.append(_Saved(offset, Candidate(now.facts, now.body or candidate.body)))
        return shown

    def _finished(self, ask: PageAsk, shown: list[_Saved], below: Place | None, newer: int, *, partial: bool = False) -> Page:
        kept = shown[: ask.size]
        kept = kept[: fitting(len(each.candidate.body or b"") for each in kept)] if kept else kept
        if len(kept) < len(shown):
            below = Place(kept[-1].offset, "")
            partial = False
        top = ask.top
        if top is None and not (partial and not kept):
            top = Place(kept[0].offset, "") if kept else BOTTOM
        entries = self._present(ask, [each.candidate for each in kept])
        return Page(entries, below, top, newer, partial)
