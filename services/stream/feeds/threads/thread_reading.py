"""Reading a conversation: gather → arrange → page → hydrate; whatever changes meanwhile, it is one that there was."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.contracts.errors import NotFound, ServiceUnavailable
from services.contracts.matching import Facts
from services.contracts.page_tokens import fitting
from services.contracts.seeing import may_see
from services.stream.feeds.backfill import Backfill
from services.stream.feeds.engine import Candidate, FeedEngine
from services.stream.feeds.history import HistoryAway
from services.stream.feeds.hydration import Hydration
from services.stream.feeds.pages import Entry, PageAsk
from services.stream.feeds.places import place_of
from services.stream.feeds.regeneration import Regeneration
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.threads.asking import Thread, ThreadAsk, ThreadOrder
from services.stream.feeds.threads.gathering import Gathering
from services.stream.feeds.threads.thread_tree import Path, Reply, arranged

_ATTEMPTS = 8

#: Returns candidates, all with bodies, as a reader sees them.
Present = Callable[[PageAsk, Iterable[Candidate]], list[Entry]]


@dataclass(frozen=True, slots=True)
class _Gathered:
    """A conversation. way: what the activity answers, nearest first, None for what isn't seen. found: replies by id."""

    activity: Candidate
    way: Sequence[Candidate | None]
    found: Mapping[str, Candidate]
    replies: Sequence[Reply]
    truncated: bool

    @property
    def used(self) -> list[Candidate]:
        """Everything that the answer rests on."""
        return [self.activity, *(each for each in self.way if each), *self.found.values()]


class ThreadReader:
    """Reads conversations for the users whose relations are here. Raises KeyError for others."""

    def __init__(
        self,
        engine: FeedEngine,
        state: RelationState,
        backfill: Backfill,
        hydration: Hydration,
        *,
        regeneration: Regeneration,
        present: Present,
    ) -> None:
        self._engine = engine
        self._state = state
        self._backfill = backfill
        self._hydration = hydration
        self._regeneration = regeneration
        self._present = present

    async def page(self, ask: ThreadAsk) -> Thread:
        """Return one page. Raises NotFound, the same for what isn't there and what the reader may not see.

        ServiceUnavailable when history is away: without it nobody could tell what is closed from what can't be reached.
        """
        gone: set[str] = set()
        for _ in range(_ATTEMPTS):
            generation = self._engine.generation
            try:
                with self._engine.window.pinned():
                    if (thread := await self._once(ask, gone)) is not None:
                        return thread
            except HistoryAway:
                # While the broadcast begins anew answers are void, and the next ones aren't.
                if generation == self._engine.generation:
                    raise ServiceUnavailable("history, which a conversation is read from, is away") from None
        raise ServiceUnavailable("this conversation changes faster than it can be read")

    async def _once(self, ask: ThreadAsk, gone: set[str]) -> Thread | None:
        """Return the page, None when something that it shows changed meanwhile. gone: ids that the index no longer gives."""
        generation, relations = self._engine.generation, self._state.reader(ask.user, employee=ask.employee)
        may = may_see(relations)

        def sees(facts: Facts) -> bool:
            return facts.id not in gone and may(facts)

        # Her likes are kept along with her row.
        await self._regeneration.reader(ask.user, employee=ask.employee)
        gathered = await self._gathered(ask, Gathering(self._engine, self._backfill, self._hydration, relations, sees))
        following = _following(gathered.replies, ask)
        wanted = [gathered.found[each.facts.id] for each in following[: ask.size]]
        shown = await self._hydration.with_bodies(wanted, lambda: relations)

        missing = {each.facts.id for each in wanted} - {each.facts.id for each in shown if sees(each.facts)}
        gone |= missing
        stays = generation == self._engine.generation and relations == self._state.reader(ask.user, employee=ask.employee)
        if missing or not stays or self._engine.readers.get(ask.user) is None:
            return None
        return self._cut(ask, gathered, following, shown) if all(map(self._is_current, gathered.used)) else None

    async def _gathered(self, ask: ThreadAsk, gathering: Gathering) -> _Gathered:
        activity = await gathering.one(ask.activity)
        if activity is None:
            raise NotFound("there is no such activity, or you may not read it")
        way, whole_way = await gathering.above(activity.facts) if ask.after is None else ([], True)
        found, whole = await gathering.below(ask.activity)
        replies = arranged(ask.activity, (each.facts for each in found.values()))
        truncated = not (whole and whole_way) or any(each.cut for each in replies)
        return _Gathered(activity, way, found, replies, truncated)

    def _is_current(self, candidate: Candidate) -> bool:
        """Return whether no record has come of it since it was taken: then its body, fetched later, is the latest, too."""
        now = self._engine.present(candidate.facts)
        return now is None or now.facts is candidate.facts

    def _cut(self, ask: ThreadAsk, gathered: _Gathered, following: Sequence[Reply], shown: Sequence[Candidate]) -> Thread:
        """Return what fits one answer: the activity, the nearest of what it answers, then replies."""
        head = [gathered.activity, *gathered.way]
        kept = fitting(len(each.body or b"") if each else 0 for each in (*head, *shown))
        nearest = gathered.way[: kept - 1]
        room = max(kept - len(head), 0 if ask.after is None else min(1, len(shown)))
        candidates = [gathered.activity, *(each for each in nearest if each), *shown[:room]]
        entry, *entries = self._present(PageAsk(ask.user, ask.employee, len(candidates)), candidates)
        others = iter(entries)
        ancestors = [each and next(others) for each in nearest]
        next_after: Path | None = None
        if room < len(following):
            next_after = _key(following[room - 1], ask.order) if room else ()
        return Thread(
            ancestors=ancestors[::-1],
            entry=entry,
            replies=list(zip(following[:room], others, strict=True)),
            next_after=next_after,
            count=len(gathered.replies),
            truncated=gathered.truncated or len(nearest) < len(gathered.way),
        )


def _following(replies: Sequence[Reply], ask: ThreadAsk) -> list[Reply]:
    """Return the replies that the page and those after it show, in order. The place that a page ended at needs nobody there."""
    ordered = list(replies)
    if ask.order is not ThreadOrder.TREE:
        ordered.sort(key=lambda each: place_of(each.facts), reverse=ask.order is ThreadOrder.NEWEST_FIRST)
    if not ask.after:
        return ordered
    if ask.order is ThreadOrder.NEWEST_FIRST:
        return [each for each in ordered if _key(each, ask.order) < ask.after]
    return [each for each in ordered if _key(each, ask.order) > ask.after]


def _key(reply: Reply, order: ThreadOrder) -> Path:
    return reply.path if order is ThreadOrder.TREE else (place_of(reply.facts),)
