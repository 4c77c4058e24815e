"""Timelines as rings in one column: written at arrival, sorted at reading, honest about what they don't hold.

An entry is the int32 slot of its activity; the activity's sort key stands once, in the table. `complete_from` of a row is a
sort key: of every candidate *above* it (strictly: ties are below) the ring has an entry; below it only history answers.
Overwriting raises it, building sets it, eviction sets it to NOTHING.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.stream.feeds.follower_index import Rows

Keys = NDArray[np.int64]
Slots = NDArray[np.int32]
Places = NDArray[np.intp]

#: complete_from of a row without content.
NOTHING: Final = int(np.iinfo(np.int64).max)
#: complete_from of a row that holds all there is, and the sort key of NO_ACTIVITY.
EVERYTHING: Final = int(np.iinfo(np.int64).min)
#: The slot in every place of a ring that holds nothing: no activity has it, and its key is below all others. So overwriting
#: an empty place needs no question of its own.
NO_ACTIVITY: Final = 0

_LONGEST = 2**16 - 1


class Timelines:
    """A ring of capacity int32 slots for each row. Memory of rows that were never built stays untouched."""

    def __init__(self, rows: int, capacity: int) -> None:
        if capacity > _LONGEST:
            raise ValueError(f"a timeline has at most {_LONGEST} entries")
        self.rows = rows
        self.capacity = capacity
        self.complete_from: Keys = np.full(rows, NOTHING, np.int64)
        self._ring: Slots = np.zeros(rows * capacity, np.int32)
        # Where in its ring the next entry of a row goes.
        self._next = np.zeros(rows, np.uint16)
        #: How often sort keys had moved when a row was last put in order, see Ordering; 0 once that has been overwritten.
        self.ordered_in = np.zeros(rows, np.int64)
        self._turn = np.zeros(rows, np.int32)
        self._turns = np.arange(1, dtype=np.int32)

    def append(self, rows: Rows, slots: Slots, sort_keys: Keys) -> None:
        """Append to each of rows (int32[n]) its slot (int32[n], or one for all). No Python per row.

        O(n) for each time that a row repeats; it takes each of its slots once. sort_keys: of all slots. A row that is complete
        only above a slot's key doesn't take it: at its place history is asked anyway. A full ring gives up its oldest entry, or
        refuses this one when it is older still; either way complete_from says so.
        """
        at = rows.astype(np.intp)
        while True:
            turn = self._count_to(len(at))
            # Of those that name one row the first is written last, so its turn it is.
            self._turn[at[::-1]] = turn[::-1]
            first = self._turn.take(at, mode="clip")
            now = first == turn
            if now.all():
                self._append_once(at, slots, sort_keys)
                return
            one_for_all = len(slots) == 1
            self._append_once(at[now], slots if one_for_all else slots[now], sort_keys)
            if one_for_all:
                return
            later = slots != slots.take(first, mode="clip")
            at, slots = at[later], slots[later]
            if not len(at):
                return

    def _append_once(self, at: Places, slots: Slots, sort_keys: Keys) -> None:
        """Append to rows of which none repeats."""
        # With mode="clip" NumPy gathers without asking of every index whether it is one.
        keys = sort_keys.take(slots, mode="clip")
        following = self._next.take(at, mode="clip")
        places = at * self.capacity
        places += following
        complete_from = sort_keys.take(self._ring.take(places, mode="clip"), mode="clip")
        np.maximum(complete_from, self.complete_from.take(at, mode="clip"), out=complete_from)
        taken = complete_from < keys
        if not taken.all():
            self._refuse(at[~taken], places[~taken], keys if len(keys) == 1 else keys[~taken], sort_keys)
            at, following, places, complete_from = at[taken], following[taken], places[taken], complete_from[taken]
            slots = slots if len(slots) == 1 else slots[taken]
        following += 1
        around = following == self.capacity
        if around.any():
            following[around] = 0
            self.ordered_in[at[around]] = 0
        self._ring[places] = slots
        self._next[at] = following
        self.complete_from[at] = complete_from

    def _refuse(self, at: Places, places: Places, keys: Keys, sort_keys: Keys) -> None:
        """Note of rows that have only newer entries that they are complete only above the keys that they refuse."""
        oldest = sort_keys.take(self._ring.take(places))
        complete_from = self.complete_from.take(at)
        self.ordered_in[at] = 0
        self.complete_from[at] = np.where(oldest >= keys, np.maximum(complete_from, keys), complete_from)

    def _count_to(self, count: int) -> Slots:
        if count > len(self._turns):
            self._turns = np.arange(2 * count, dtype=np.int32)
        return self._turns[:count]

    def build(self, row: int, slots: Slots, complete_from: int) -> None:
        """Replace a row's entries. slots: int32[n], rising by key, n at most capacity, so that the oldest is overwritten first."""
        end = (row + 1) * self.capacity
        self._ring[end - self.capacity : end - len(slots)] = NO_ACTIVITY
        self._ring[end - len(slots) : end] = slots
        self._next[row] = 0
        self.complete_from[row] = complete_from
        self.ordered_in[row] = 0

    def evict(self, row: int) -> None:
        """Forget a row's entries."""
        self.build(row, self._ring[:0], NOTHING)

    def slots_of(self, row: int) -> Slots:
        """Return the slots in a row in the order of their writing, int32[n], a view or a copy, repetitions included."""
        start, following = row * self.capacity, int(self._next[row])
        ring = self._ring[start : start + self.capacity]
        slots = np.concatenate((ring[following:], ring[:following])) if following else ring
        return slots if slots[0] else slots[np.count_nonzero(slots == NO_ACTIVITY) :]

    def parts_of(self, row: int) -> tuple[Slots, Slots]:
        """Return views of the slots that were in a row when it was built and are still there, and of those appended since.

        Of a row that was appended to all around the ring they are two pieces that mean nothing.
        """
        start, following = row * self.capacity, int(self._next[row])
        return self._ring[start + following : start + self.capacity], self._ring[start : start + following]

    def mark(self, first: int, last: int, referenced: NDArray[np.bool_]) -> None:
        """Set referenced[slot] for every slot in the rows first (inclusive) to last (exclusive); slots beyond it don't count."""
        slots = self._ring[first * self.capacity : last * self.capacity]
        # A round takes many steps; what is newer than its beginning is in rows by now.
        referenced[slots[slots < len(referenced)]] = True

    @property
    def memory(self) -> int:
        """The bytes of all columns, touched or not."""
        return sum(column.nbytes for column in (self._ring, self._next, self._turn, self.ordered_in, self.complete_from))
