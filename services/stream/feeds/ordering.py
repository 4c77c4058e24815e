"""Rows of the timelines in the order of their places: sorted at reading, and written back so."""

import numpy as np
from numpy.typing import NDArray

from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.timelines import NO_ACTIVITY, Keys, Slots, Timelines

_NEWEST = 64


class Ordering:
    """Reads and writes rows by rising place (sort key, id), each slot once."""

    def __init__(self, table: ActivityTable, timelines: Timelines) -> None:
        self._table = table
        self._timelines = timelines

    def read(self, row: int) -> Slots:
        """Return a row's slots by rising place, those above complete_from; write them back so when they weren't.

        Then what is overwritten next is the oldest by key, and repetitions take no room.
        """
        if self._timelines.ordered_in[row] == self._table.moves:
            _, fresh = self._timelines.parts_of(row)
            if not len(fresh):
                return self._timelines.slots_of(row)
        return self.write(row, self._timelines.slots_of(row), int(self._timelines.complete_from[row]))

    def read_newest(self, row: int) -> Slots:
        """Return the newest of a row's slots by rising place, nothing missing above the first of them; none where that takes `read`.

        A page needs few of them, and sorting those costs a part of what the whole row does.
        """
        old, fresh = self._timelines.parts_of(row)
        if self._timelines.ordered_in[row] != self._table.moves or len(fresh) > _NEWEST or len(old) <= _NEWEST:
            return fresh[:0]
        newest = old[-_NEWEST:]
        newest = newest if newest[0] else newest[newest != NO_ACTIVITY]
        if not len(fresh):
            return newest
        slots = np.concatenate((newest, fresh))
        keys = self._table.sort_keys.take(slots, mode="clip")
        # Of a millisecond some may stand before those taken.
        bound = max(int(keys[0]), int(self._timelines.complete_from[row]))
        slots, keys = self._sorted(slots, keys)
        return slots[int(keys.searchsorted(bound, side="right")) :]

    def write(self, row: int, slots: Slots, complete_from: int) -> Slots:
        """Write slots (in any order, repetitions count once) into a row: the newest that fit, without those up to complete_from.

        From its first place on, so that the next reader finds the ring put together. Returns what was written.
        """
        keys = self._table.sort_keys.take(slots, mode="clip")
        slots, keys = self._sorted(slots, keys)
        capacity = self._timelines.capacity
        if len(slots) > capacity:
            complete_from = max(complete_from, int(keys[-capacity - 1]))
        # Of a millisecond of which one was left out none stays: they would come once more, from history.
        slots = slots[int(keys.searchsorted(complete_from, side="right")) :]
        self._timelines.build(row, slots, complete_from)
        self._timelines.ordered_in[row] = self._table.moves
        return slots

    def _sorted(self, slots: Slots, keys: Keys) -> tuple[Slots, Keys]:
        """Return slots by rising place, each once, and their keys."""
        if not (keys[1:] >= keys[:-1]).all():
            # Mostly a long run and a few that came late, which a merging sort takes as it finds them.
            order = keys.argsort(kind="stable")
            slots, keys = slots[order], keys[order]
        level = np.flatnonzero(keys[1:] == keys[:-1])
        if len(level):
            slots = self._with_ties_in_order(slots, level)
            keys = self._table.sort_keys.take(slots, mode="clip")
        return slots, keys

    def _with_ties_in_order(self, slots: Slots, level: NDArray[np.intp]) -> Slots:
        """Return slots with those of one millisecond by rising id and each once. level: at which the next has the same key."""
        ordered, facts = slots.tolist(), self._table.facts_at
        kept = np.ones(len(slots), np.bool_)
        for run in np.split(level, np.flatnonzero(level[1:] > level[:-1] + 1) + 1):
            first, last = int(run[0]), int(run[-1]) + 2
            some = sorted(set(ordered[first:last]), key=lambda slot: facts(slot).id)
            kept[first + len(some) : last] = False
            ordered[first : first + len(some)] = some
        return np.array(ordered, np.int32)[kept]
