"""How many like, share and comment on activities, as columns by slot: counted once for each change, told by who may know."""

from itertools import islice
from typing import Final

import numpy as np

from services.contracts.relations import PersonRelations
from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.object_tally import Tally
from services.stream.feeds.ranking.evaluating import Scores
from services.stream.feeds.tallies import MIXED, UNTOUCHED, Tallies
from services.stream.feeds.timelines import Slots

_KINDS: Final = len(Tally._fields)


class TallyColumns:
    """The tallies of one activity table's slots; 28 bytes each, only where rankings are read. See `reader_columns.Engagement`."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._table: ActivityTable | None = None
        self._seen = 0
        self._forget()

    def look(self, table: ActivityTable, changed: Slots) -> None:
        """Take note that slots may hold other activities than before, and of what people did since the last time."""
        if table is not self._table:
            self._table = table
            self._forget()
        self._grow(len(table.changed))
        self._stale[changed] = True
        touches = self._tallies.touches - self._seen
        self._seen += touches
        if touches > len(self._tallies.touched):
            self._stale[:] = True
            return
        for obj in islice(reversed(self._tallies.touched), touches):
            if (slot := table.slot_of(obj.hex())) is not None:
                self._stale[slot] = True

    def counted(self, slots: Slots, reader: PersonRelations) -> Scores:
        """Return what is on the activities in slots, as far as the reader may know: float64[kinds of Tally, n]."""
        self._count(slots[self._stale[slots]])
        audiences = self._audiences.take(slots)
        counts = self._counts.take(slots, axis=1)
        if len(closed := self._closed_to(reader, audiences)):
            counts[:, np.isin(audiences, closed)] = 0.0
        if len(mixed := np.flatnonzero(audiences == MIXED)) and (table := self._table):
            tallies = self._tallies.of([table.facts_at(slot).id for slot in slots[mixed].tolist()], reader)
            counts[:, mixed] = np.array(tallies, np.float64).T
        return counts

    def _closed_to(self, reader: PersonRelations, audiences: Slots) -> list[int]:
        """Return those of audiences of which the reader must not know."""
        # Shifted: the two that are no audiences are negative.
        met = (np.flatnonzero(np.bincount(audiences - MIXED)) + MIXED).tolist()
        return [number for number in met if number >= 0 and not self._tallies.may_know(number, reader)]

    def _count(self, slots: Slots) -> None:
        table = self._table
        for slot in slots.tolist() if table else ():
            facts = table.facts_at(slot) if table else None
            if facts is not None:
                self._audiences[slot], self._counts[:, slot] = self._tallies.single(bytes.fromhex(facts.id))
        self._stale[slots] = False

    def _forget(self) -> None:
        self._stale = np.ones(0, np.bool_)
        self._audiences = np.zeros(0, np.int32)
        self._counts: Scores = np.zeros((_KINDS, 0))

    def _grow(self, size: int) -> None:
        more = size - len(self._stale)
        if more > 0:
            self._stale = np.concatenate((self._stale, np.ones(more, np.bool_)))
            self._audiences = np.concatenate((self._audiences, np.full(more, UNTOUCHED, np.int32)))
            self._counts = np.concatenate((self._counts, np.zeros((_KINDS, more))), axis=1)
