"""The signals of some entries as one reader sees them, computed when an expression asks for them."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from services.contracts.activity import Scope
from services.contracts.matching import Facts
from services.contracts.relations import PersonRelations
from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.ranking.entry_columns import TARGETS, TEXTS, EntryColumns
from services.stream.feeds.ranking.evaluating import Scores
from services.stream.feeds.ranking.interest import Interest
from services.stream.feeds.timelines import Slots

Flags = NDArray[np.bool_]
_MS_AN_HOUR = 3_600_000.0
# A product with it is a sum along rows, in half the time.
_ONES = np.ones(TARGETS)


class Engagement(Protocol):
    """How many people did something with activities."""

    def look(self, table: ActivityTable, changed: Slots) -> None:
        """Take note of the table that slots are of, and of those that may hold other activities than before."""

    def counted(self, slots: Slots, reader: PersonRelations) -> Scores:
        """Return what is on activities, as far as the reader may know: float64[3, n], in the order of Tally."""


class Viewer(NamedTuple):
    """Who reads. is_…: whether she likes, saved or has read an activity."""

    relations: PersonRelations
    interest: Interest
    is_liked: Callable[[Facts], bool]
    is_saved: Callable[[Facts], bool]
    is_read: Callable[[Facts], bool]


class _Tallied(NamedTuple):
    """Tallies as columns, float64[n] each, in the order of Tally."""

    likes: Scores
    shares: Scores
    comments: Scores


class ReaderColumns:
    """Columns of n slots for one reader at one time; see `evaluating.Columns`. Every slot is in use."""

    def __init__(
        self,
        entries: EntryColumns,
        table: ActivityTable,
        slots: Slots,
        *,
        viewer: Viewer,
        engagement: Engagement,
        now_ms: int,
    ) -> None:
        engagement.look(table, entries.look(table, slots))
        self._entries = entries
        self._table = table
        self._slots = slots
        self._viewer = viewer
        self._engagement = engagement
        self._now_ms = now_ms
        self._known: dict[str, NDArray[Any]] = {}
        own, relations = viewer.relations.accounts | {viewer.relations.user}, viewer.relations
        self._computing: Mapping[str, Callable[[], NDArray[Any]]] = {
            "age_hours": self._age_hours,
            "interest": self._interest,
            "popularity": self._popularity,
            "likes": lambda: self._tallied.likes,
            "shares": lambda: self._tallied.shares,
            "comments": lambda: self._tallied.comments,
            "is_mention": lambda: entries.mention(slots, own),
            "is_direct": self._is_direct,
            "is_own_group": lambda: self._each(lambda facts: not relations.groups.isdisjoint(facts.targets)),
            "is_followed": lambda: self._each(lambda facts: facts.actor in relations.follows),
            "is_mine": lambda: self._each(lambda facts: facts.actor in own),
            "is_liked": lambda: self._each(viewer.is_liked),
            "is_saved": lambda: self._each(viewer.is_saved),
            "is_read": lambda: self._each(viewer.is_read),
        }

    def signal(self, name: str) -> NDArray[Any]:
        """Return a signal's column, [n]."""
        if name not in self._known:
            self._known[name] = self._entries.texts(name, self._slots) if name in TEXTS else self._computing[name]()
        return self._known[name]

    def code(self, text: str) -> int:
        """Return the code of a text in a column, -1 where none has it."""
        return self._entries.code(text)

    def _age_hours(self) -> Scores:
        return np.maximum(self._now_ms - self._table.sort_keys.take(self._slots), 0) / _MS_AN_HOUR

    def _interest(self) -> Scores:
        weights = self._viewer.interest.weights
        if not weights:
            return np.ones(len(self._slots))
        # One more than there are codes: what no entry has is put there.
        by_code = np.zeros(self._entries.names + 1)
        for name, weight in weights.items():
            by_code[self._entries.code(name)] = weight
        added: Scores = by_code.take(self._entries.targets(self._slots)) @ _ONES
        return 1.0 + added

    @cached_property
    def _tallied(self) -> _Tallied:
        return _Tallied(*self._engagement.counted(self._slots, self._viewer.relations))

    def _popularity(self) -> Scores:
        likes, shares, comments = self._tallied
        return 1.0 + np.log1p(likes + 2.0 * comments + 3.0 * shares)

    def _is_direct(self) -> Flags:
        is_direct: Flags = self.signal("scope") == self.code(Scope.DIRECT.name.lower())
        return is_direct

    def _each(self, holds: Callable[[Facts], bool]) -> Flags:
        facts_at = self._table.facts_at
        return np.fromiter((holds(facts_at(slot)) for slot in self._slots.tolist()), np.bool_, len(self._slots))
