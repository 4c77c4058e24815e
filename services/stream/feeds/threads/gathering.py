"""What a conversation consists of, for one reader: the way up from an activity, and everything below it."""

from collections.abc import Callable, Iterable

from services.contracts.matching import Facts, answered_by, hidden, replies_name
from services.contracts.relations import PersonRelations
from services.stream.feeds.backfill import Backfill
from services.stream.feeds.engine import Candidate, FeedEngine
from services.stream.feeds.hydration import Hydration
from services.stream.feeds.places import TOP
from services.stream.feeds.threads.thread_tree import DEEPEST

MOST_REPLIES = 1000
MOST_ANCESTORS = 16
_ROUNDS = 10


class Gathering:
    """Gathers for one answer. sees: whether the reader sees an activity. Everything raises HistoryAway.

    The window must be pinned from before the first call until the answer is put together: what changes meanwhile is then known.
    """

    def __init__(
        self,
        engine: FeedEngine,
        backfill: Backfill,
        hydration: Hydration,
        reader: PersonRelations,
        sees: Callable[[Facts], bool],
    ) -> None:
        self._engine = engine
        self._backfill = backfill
        self._hydration = hydration
        self._reader = reader
        self._sees = sees

    async def one(self, activity_id: str) -> Candidate | None:
        """Return an activity with its body, None when the reader doesn't see it, for whatever reason."""
        known = self._engine.present(hidden(activity_id))
        if known is not None and not self._sees(known.facts):
            return None
        # What this worker hasn't heard of changed long ago, so the index knows it.
        asked = known or Candidate(hidden(activity_id), None)
        found = await self._hydration.with_bodies([asked], lambda: self._reader)
        if not found or not self._sees(found[0].facts):
            return None
        return Candidate(known.facts, found[0].body) if known else found[0]

    async def above(self, facts: Facts) -> tuple[list[Candidate | None], bool]:
        """Return what an activity answers, and what that answers, nearest first, and whether that is all.

        None is something that the reader doesn't see. What that answers is its own to tell: the way ends there, unless the activity
        below it says itself what it is about.
        """
        way: list[Candidate | None] = []
        seen = {facts.id}
        current: Facts | None = facts
        while current is not None:
            links = [link for link in answered_by(current) if link not in seen]
            if not links:
                break
            if len(way) >= MOST_ANCESTORS:
                return way, False
            current = None
            for link in links:
                ancestor = await self.one(link)
                if ancestor is not None:
                    seen.add(link)
                    way.append(ancestor)
                    current = ancestor.facts
                    break
                if None not in way[-1:]:
                    way.append(None)
        return way, True

    async def below(self, activity_id: str) -> tuple[dict[str, Candidate], bool]:
        """Return the replies below an activity by their ids, and whether they are all; with those one level too deep to be shown."""
        found: dict[str, Candidate] = {}
        level, complete = [activity_id], True
        for _ in range(DEEPEST + 1):
            new, whole = await self._answers(level, MOST_REPLIES - len(found), {activity_id, *found})
            complete &= whole
            found.update((each.facts.id, each) for each in new)
            level = [each.facts.id for each in new]
            if not level:
                break
        return found, complete

    async def _answers(self, ids: Iterable[str], room: int, known: set[str]) -> tuple[list[Candidate], bool]:
        """Return what the reader sees among the answers to ids, newest first, at most room, and whether that is all."""
        names = {replies_name(each) for each in ids}
        new: list[Candidate] = []
        below, complete = TOP, False
        for _ in range(_ROUNDS):
            stretch = await self._backfill.stretch(names, self._reader, below, MOST_REPLIES)
            new += (each for each in stretch.candidates if each.facts.id not in known and self._sees(each.facts))
            complete = stretch.floor is None
            if stretch.floor is None or len(new) > room:
                break
            below = stretch.floor
        return new[:room], complete and len(new) <= room
