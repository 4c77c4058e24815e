"""Exact older entries, however far the indexer lags: history up to W joined with the window above it; what is known here wins."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from services.contracts.activity import Verb
from services.contracts.feed_filter import FeedFilter
from services.contracts.matching import Facts, likes_name
from services.contracts.relations import PersonRelations
from services.stream.feeds.engine import Candidate, FeedEngine
from services.stream.feeds.history import Found, History, HistoryAnswer, HistoryAway
from services.stream.feeds.places import BOTTOM, TOP, Place, place_of

LIKES_AT_ONCE = 2000

#: Returns when the broadcast has been followed up to a vector of offsets; raises HistoryAway when that takes too long.
CatchUp = Callable[[Mapping[int, int]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of what is delivered to some names. candidates: newest first, nothing missing above floor (None: at all)."""

    candidates: list[Candidate]
    floor: Place | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What history answered for a stretch below a place, as old as the question."""

    names: Collection[str]
    below: Place
    answer: HistoryAnswer


class Backfill:
    """Asks history and joins it with the window, which is pinned meanwhile: the answer may be as old as the question."""

    def __init__(self, engine: FeedEngine, history: History, catch_up: CatchUp) -> None:
        self._engine = engine
        self._history = history
        self._catch_up = catch_up

    async def stretch(
        self,
        names: Collection[str],
        reader: PersonRelations,
        below: Place,
        limit: int,
        *,
        narrowed: FeedFilter | None = None,
        above: Place | None = None,
    ) -> Stretch:
        """Return the newest candidates below a place, about limit of them. Raises HistoryAway.

        narrowed, above: what history may leave out, see the port; nothing else is missing above the stretch's floor.
        Between the return and the caller's next await nothing arrives, so what it builds from this is as of now.
        """
        with self._engine.window.pinned():
            return self.joined(await self.asked(names, reader, below, limit, narrowed=narrowed, above=above))

    async def asked(
        self,
        names: Collection[str],
        reader: PersonRelations,
        below: Place,
        limit: int,
        *,
        narrowed: FeedFilter | None = None,
        above: Place | None = None,
    ) -> Asked:
        """Ask for a stretch, for who waits for more than that: keep the window pinned until it is joined. Raises HistoryAway."""
        return Asked(names, below, await self._ask(names, reader, below, limit, narrowed=narrowed, above=above))

    def joined(self, asked: Asked) -> Stretch:
        """Return the stretch that was asked for, as of now."""
        answer = asked.answer
        floor = None if answer.exhausted else place_of(answer.found[-1].facts) if answer.found else asked.below
        return Stretch(self._join(answer.found, asked.names, floor or BOTTOM, asked.below), floor)

    async def likes(self, reader: PersonRelations) -> list[Found]:
        """Return all likes of a reader that history knows. Raises HistoryAway."""
        found: list[Found] = []
        below: Place | None = TOP
        while below is not None:
            answer = await self._ask({likes_name(reader.user)}, reader, below, LIKES_AT_ONCE, {Verb.LIKE})
            found += answer.found
            below = None if answer.exhausted or not answer.found else place_of(answer.found[-1].facts)
        return found

    def standing_likes(self, found: Iterable[Found], user: str) -> list[Facts]:
        """Return the likes among found as they are now, and those of the window."""
        return [candidate.facts for candidate in self._join(found, {likes_name(user)}, BOTTOM, TOP)]

    async def _ask(
        self,
        names: Collection[str],
        reader: PersonRelations,
        below: Place,
        limit: int,
        verbs: Collection[Verb] = (),
        *,
        narrowed: FeedFilter | None = None,
        above: Place | None = None,
    ) -> HistoryAnswer:
        generation = self._engine.generation
        answer = await self._history.newest(names, reader, below=below, limit=limit, verbs=verbs, narrowed=narrowed, above=above)
        # From here on whatever is known here is at least as new as the answer.
        await self._catch_up(answer.refreshed)
        if self._engine.generation != generation:
            raise HistoryAway("the broadcast began anew meanwhile")
        return answer

    def _join(self, found: Iterable[Found], names: Collection[str], floor: Place, below: Place) -> list[Candidate]:
        joined = {candidate.facts.id: candidate for candidate in self._engine.recent(names)}
        for entry in found:
            if entry.facts.id not in joined:
                known = self._engine.present(entry.facts)
                joined[entry.facts.id] = (
                    Candidate(known.facts, known.body or entry.body) if known else Candidate(entry.facts, entry.body)
                )
        wanted = [candidate for candidate in joined.values() if floor <= candidate.place < below]
        return sorted(wanted, key=lambda candidate: candidate.place, reverse=True)
