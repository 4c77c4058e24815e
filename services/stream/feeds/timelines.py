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

    def append(self, rows: Rows, slot: int, sort_keys: Keys) -> int:
        """Append a slot to rows (int32[n], repetitions count once) and return how many were asked to take it. O(n), no Python per row.

        sort_keys: of all slots. A row that is complete only above the slot's key doesn't take it: at its place history is asked
        anyway. A full ring gives up its oldest entry, or refuses this one when it is older still; either way complete_from
        says so.
        """
        key = int(sort_keys[slot])
        at = rows.astype(np.intp)
        # With mode="clip" NumPy gathers without asking of every index whether it is one.
        following = self._next.take(at, mode="clip")
        places = at * self.capacity
        places += following
        complete_from = self.complete_from.take(at, mode="clip")
        oldest = sort_keys.take(self._ring.take(places, mode="clip"), mode="clip")
        if complete_from.max(initial=EVERYTHING) >= key or oldest.max(initial=EVERYTHING) >= key:
            taken = self._refuse(at, complete_from, oldest, key)
            at, following, places = at[taken], following[taken], places[taken]
            complete_from, oldest = complete_from[taken], oldest[taken]
        np.maximum(complete_from, oldest, out=complete_from)
        following += 1
        np.copyto(following, 0, where=following == self.capacity)
        self._ring[places] = slot
        self._next[at] = following
        self.complete_from[at] = complete_from
        return len(at)

    def _refuse(self, at: NDArray[np.intp], complete_from: Keys, oldest: Keys, key: int) -> NDArray[np.bool_]:
        """Return which rows take an entry; where the oldest is not older, the row is complete only above the entry from now on."""
        asked = complete_from < key
        full_of_newer = asked & (oldest >= key)
        self.complete_from[at[full_of_newer]] = key
        return asked & ~full_of_newer

    def build(self, row: int, slots: Slots, complete_from: int) -> None:
        """Replace a row's entries. slots: int32[n], rising by key, n at most capacity, so that the oldest is overwritten first."""
        end = (row + 1) * self.capacity
        self._ring[end - self.capacity : end - len(slots)] = NO_ACTIVITY
        self._ring[end - len(slots) : end] = slots
        self._next[row] = 0
        self.complete_from[row] = complete_from

    def evict(self, row: int) -> None:
        """Forget a row's entries."""
        self.build(row, self._ring[:0], NOTHING)

    def slots_of(self, row: int) -> Slots:
        """Return the slots in a row in the order of their writing, int32[n], a view or a copy, repetitions included."""
        start, following = row * self.capacity, int(self._next[row])
        ring = self._ring[start : start + self.capacity]
        slots = np.concatenate((ring[following:], ring[:following])) if following else ring
        return slots if slots[0] else slots[np.count_nonzero(slots == NO_ACTIVITY) :]

    def mark(self, first: int, last: int, referenced: NDArray[np.bool_]) -> None:
        """Set referenced[slot] for every slot in the rows first (inclusive) to last (exclusive)."""
        referenced[self._ring[first * self.capacity : last * self.capacity]] = True

    @property
    def memory(self) -> int:
        """The bytes of all columns, touched or not."""
        return self._ring.nbytes + self._next.nbytes + self.complete_from.nbytes
