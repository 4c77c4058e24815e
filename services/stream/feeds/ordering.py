"""Rows of the timelines in the order of their places: sorted at reading, and written back so."""

import numpy as np
from numpy.typing import NDArray

from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.timelines import Keys, Slots, Timelines


class Ordering:
    """Reads and writes rows by rising place (sort key, id), each slot once."""

    def __init__(self, table: ActivityTable, timelines: Timelines) -> None:
        self._table = table
        self._timelines = timelines

    def read(self, row: int) -> Slots:
        """Return a row's slots by rising place, those above complete_from; write them back so when they weren't.

        Then what is overwritten next is the oldest by key, and repetitions take no room.
        """
        slots = self._timelines.slots_of(row)
        if self._timelines.ordered_in[row] == self._table.moves:
            return slots
        keys = self._table.sort_keys.take(slots, mode="clip")
        rising = keys[1:] > keys[:-1]
        complete_from = int(self._timelines.complete_from[row])
        if rising.all() or self._ties_in_order(slots, keys, rising):
            # Written back all the same: from its first place on, a ring is read without being put together.
            return self._put(row, slots[int(keys.searchsorted(complete_from, side="right")) :], complete_from)
        return self.write(row, np.unique(slots), complete_from)

    def write(self, row: int, slots: Slots, complete_from: int) -> Slots:
        """Write slots (each once, in any order) into a row: the newest that fit, without those up to complete_from."""
        keys = self._table.sort_keys[slots]
        order = np.argsort(keys, kind="stable")
        capacity = self._timelines.capacity
        if len(order) > capacity:
            complete_from = max(complete_from, int(keys[order[-capacity - 1]]))
            order = order[-capacity:]
        # Of a millisecond of which one was left out none stays: they would come once more, from history.
        order = order[keys[order].searchsorted(complete_from, side="right") :]
        slots, keys = slots[order], keys[order]
        self._order_ties(slots, keys)
        return self._put(row, slots, complete_from)

    def _put(self, row: int, slots: Slots, complete_from: int) -> Slots:
        self._timelines.build(row, slots, complete_from)
        self._timelines.ordered_in[row] = self._table.moves
        return slots

    def _ties_in_order(self, slots: Slots, keys: Keys, rising: NDArray[np.bool_]) -> bool:
        """Return whether all steps that don't rise are between two of one millisecond whose ids rise."""
        level = np.flatnonzero(~rising)
        if (keys[level + 1] < keys[level]).any():
            return False
        facts = self._table.facts_at
        pairs = zip(slots[level].tolist(), slots[level + 1].tolist(), strict=True)
        return all(facts(lower).id < facts(upper).id for lower, upper in pairs)

    def _order_ties(self, slots: Slots, keys: Keys) -> None:
        """Put slots of one millisecond into the order of their ids, in place."""
        tied = np.flatnonzero(keys[1:] == keys[:-1])
        if not len(tied):
            return
        for run in np.split(tied, np.flatnonzero(np.diff(tied) > 1) + 1):
            first, last = int(run[0]), int(run[-1]) + 2
            slots[first:last] = sorted(slots[first:last].tolist(), key=lambda slot: self._table.facts_at(slot).id)
