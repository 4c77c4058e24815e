"""Why an entry is in a feed, and what it is worth by a ranking, with every number."""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import numpy as np

from services.contracts.activity import Scope
from services.contracts.errors import NotFound, ServiceUnavailable
from services.contracts.matching import Facts
from services.contracts.relations import PersonRelations
from services.stream.feeds.by_id import ActivitiesById
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.history import HistoryAway
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.ranking.entry_columns import TARGETS
from services.stream.feeds.ranking.evaluating import evaluate
from services.stream.feeds.ranking.interest import Interest
from services.stream.feeds.ranking.ranked_reading import Wish
from services.stream.feeds.ranking.scoring import Scoring
from services.stream.feeds.ranking.signals import FOR_YOU, SIGNALS, ranking
from services.stream.feeds.ranking.tree import Type, signals_in
from services.stream.feeds.reading import FeedReader


class ReasonKind(Enum):
    """Why a feed has an entry; the values are those of the proto."""

    OWN = 1
    ADDRESSED = 2
    FOLLOWS = 3
    MEMBER_OF = 4


class Reason(NamedTuple):
    """name: what she follows or belongs to, empty for the other kinds."""

    kind: ReasonKind
    name: str = ""


class SignalValue(NamedTuple):
    """used: whether the expression names it."""

    name: str
    value: float | bool | str
    used: bool


class Explanation(NamedTuple):
    """score: the expression's value. signals: used ones first. interest: name → what it adds, the heaviest first."""

    reasons: list[Reason]
    expression: str
    score: float
    signals: list[SignalValue]
    interest: list[tuple[str, float]]


class Explaining:
    """Explains entries of home feeds, for users whose relations are here. Raises KeyError for others."""

    def __init__(
        self, reader: FeedReader, engine: FeedEngine, scoring: Scoring, by_id: ActivitiesById, clock_ms: Callable[[], int]
    ) -> None:
        """clock_ms: ms since the epoch."""
        self._reader = reader
        self._engine = engine
        self._scoring = scoring
        self._by_id = by_id
        self._clock_ms = clock_ms

    async def interest(self, ask: PageAsk, since_ms: int) -> Interest:
        """Return what the user has shown to care about, as it is now. Raises ServiceUnavailable as `entry` does."""
        try:
            await self._reader.active(ask)
        except HistoryAway:
            raise ServiceUnavailable("history is away, and this user's timeline isn't at hand") from None
        return self._scoring.learning.learn(self._reader.rules(ask).relations, since_ms, self._clock_ms())

    async def entry(self, ask: PageAsk, activity_id: str, wish: Wish) -> Explanation:
        """Return why an activity is in the feed that is asked for, and its value at this moment.

        Raises NotFound for what isn't in the feed, whether it exists or not; ServiceUnavailable where history is needed and away;
        RankingInvalid.
        """
        tree = ranking(wish.expression)
        try:
            found = await self._by_id.of([activity_id], lambda: self._reader.rules(ask).relations)
            await self._reader.active(ask)
        except HistoryAway:
            raise ServiceUnavailable("history is away, and this entry isn't at hand") from None
        candidates = list(found.values())
        if not self._reader.entries_now(ask, candidates):
            raise NotFound("no such entry in this feed")
        now = self._engine.present(candidates[0].facts) or candidates[0]
        relations = self._reader.rules(ask).relations
        slots = np.array([self._engine.table.learn(now.facts, candidates[0].body)], np.int32)
        columns = self._scoring.columns(slots, relations, since_ms=wish.since_ms, now_ms=self._clock_ms())
        used, texts = signals_in(tree), _texts(now.facts)
        values = [SignalValue(name, texts.get(name) or _plain(columns.signal(name)[0], name), name in used) for name in SIGNALS]
        weights = self._scoring.learning.interest(relations, wish.since_ms, self._clock_ms()).weights
        adding = [(name, weights[name]) for name in now.facts.targets[:TARGETS] if name in weights]
        return Explanation(
            reasons=reasons(relations, now.facts),
            expression=wish.expression or FOR_YOU,
            score=float(evaluate(tree, columns, 1)[0]),
            signals=sorted(values, key=lambda value: not value.used),
            interest=sorted(adding, key=lambda each: -each[1]),
        )


def reasons(relations: PersonRelations, facts: Facts) -> list[Reason]:
    """Return everything that lets an activity, which is in the feed, into it."""
    found = []
    if facts.actor == relations.user or facts.actor in relations.accounts:
        found.append(Reason(ReasonKind.OWN))
    if facts.audience.scope is Scope.DIRECT:
        found.append(Reason(ReasonKind.ADDRESSED))
    found += (Reason(ReasonKind.FOLLOWS, name) for name in facts.targets if name in relations.follows)
    found += (Reason(ReasonKind.MEMBER_OF, name) for name in facts.targets if name in relations.groups)
    return found


def _texts(facts: Facts) -> dict[str, str]:
    return {
        "source": facts.source_kind,
        "language": facts.language,
        "verb": facts.verb.name.lower(),
        "scope": facts.audience.scope.name.lower(),
    }


def _plain(value: np.generic, name: str) -> float | bool | str:
    kind = SIGNALS[name].type
    return "" if kind is Type.TEXT else bool(value) if kind is Type.BOOLEAN else float(value.item())
