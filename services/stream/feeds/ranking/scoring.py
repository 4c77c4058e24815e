"""Scores of a reader's entries, and the order that they make."""

from typing import NamedTuple

import numpy as np

from services.contracts.relations import PersonRelations
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.likes import likes
from services.stream.feeds.ranking.entry_columns import EntryColumns
from services.stream.feeds.ranking.evaluating import Scores, evaluate
from services.stream.feeds.ranking.learning import Learning
from services.stream.feeds.ranking.reader_columns import Engagement, ReaderColumns, Viewer
from services.stream.feeds.ranking.tree import Node
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.timelines import Slots


class Ranked(NamedTuple):
    """Slots by falling score, those of one score newest first, and their scores."""

    slots: Slots
    scores: Scores


class Scoring:
    """Scores for readers whose relations are here. Raises KeyError for others. Keeps columns of what it has scored."""

    def __init__(self, engine: FeedEngine, state: RelationState, engagement: Engagement) -> None:
        self._engine = engine
        self._state = state
        self._engagement = engagement
        self._entries = EntryColumns()
        self.learning = Learning(engine, state)

    def ranked(self, tree: Node, slots: Slots, relations: PersonRelations, *, since_ms: int, now_ms: int) -> Ranked:
        """Return slots, given oldest first, in the order of an expression. O(n log n), in a few array operations."""
        newest_first = slots[::-1]
        scores = evaluate(tree, self.columns(newest_first, relations, since_ms=since_ms, now_ms=now_ms), len(slots))
        order = np.argsort(-scores, kind="stable")
        return Ranked(newest_first[order], scores[order])

    def columns(self, slots: Slots, relations: PersonRelations, *, since_ms: int, now_ms: int) -> ReaderColumns:
        """Return the signals of slots in use, in any order. since_ms: since when reactions count."""
        liked, marks = self._engine.likes.of(relations.user), self._state.marks(relations.user)
        viewer = Viewer(
            relations,
            self.learning.interest(relations, since_ms, now_ms),
            is_liked=lambda facts: facts.id in liked and likes(relations, liked, facts.id),
            is_saved=lambda facts: facts.id in marks.saved,
            is_read=marks.is_read,
        )
        return ReaderColumns(self._entries, self._engine.table, slots, viewer=viewer, engagement=self._engagement, now_ms=now_ms)
