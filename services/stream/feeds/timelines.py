"""Timelines as rings of columns: written at arrival, sorted at reading, honest about what they don't hold.

`complete_from` of a row is a sort key: of every candidate *above* it (strictly: ties are below) the ring has an entry;
below it only history answers. Overwriting raises it, building sets it, eviction sets it to NOTHING.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.stream.feeds.follower_index import Rows

Keys = NDArray[np.int64]
Slots = NDArray[np.int32]

#: complete_from of a row without content.
NOTHING: Final = int(np.iinfo(np.int64).max)
#: complete_from of a row that holds all there is.
EVERYTHING: Final = int(np.iinfo(np.int64).min)

_ROWS_AT_ONCE = 1024


class Timelines:
    """A ring for each row: entries of (int64 sort key, int32 slot). Memory of rows that were never built stays untouched."""

    def __init__(self, rows: int, capacity: int) -> None:
        self.rows = rows
        self.capacity = capacity
        self.complete_from: Keys = np.full(rows, NOTHING, np.int64)
        self._keys: Keys = np.empty(rows * capacity, np.int64)
        self._slots: Slots = np.empty(rows * capacity, np.int32)
        # Entries written since the row was built; modulo capacity it is the position of the next.
        self._written = np.zeros(rows, np.int64)

    def append(self, rows: Rows, sort_key: int, slot: int) -> int:
        """Append an entry to rows (int32[n], each once) and return how many took it. O(n), no Python per row.

        Rows that are complete only above sort_key don't take it: at its place history is asked anyway. A full ring gives
        up its oldest entry, or refuses this one when it is older still; either way complete_from says so.
        """
        rows = rows[self.complete_from[rows] < sort_key]
        if not len(rows):
            return 0
        written = self._written[rows]
        at = rows.astype(np.int64) * self.capacity + written % self.capacity
        full = written >= self.capacity
        if full.any():
            taken = self._make_room(rows, at, full, sort_key)
            rows, at = rows[taken], at[taken]
        self._keys[at] = sort_key
        self._slots[at] = slot
        self._written[rows] += 1
        return len(rows)

    def _make_room(self, rows: Rows, at: Keys, full: NDArray[np.bool_], sort_key: int) -> NDArray[np.bool_]:
        oldest = self._keys[at[full]]
        crowded = rows[full]
        self.complete_from[crowded] = np.maximum(self.complete_from[crowded], np.minimum(oldest, sort_key))
        taken = np.ones(len(rows), np.bool_)
        taken[full] = oldest < sort_key
        return taken

    def build(self, row: int, keys: Keys, slots: Slots, complete_from: int) -> None:
        """Replace a row's entries. keys: int64[n], rising, n at most capacity, so that the oldest is overwritten first."""
        start = row * self.capacity
        self._keys[start : start + len(keys)] = keys
        self._slots[start : start + len(slots)] = slots
        self._written[row] = len(keys)
        self.complete_from[row] = complete_from

    def evict(self, row: int) -> None:
        """Forget a row's entries."""
        self._written[row] = 0
        self.complete_from[row] = NOTHING

    def slots_of(self, row: int) -> Slots:
        """Return the slots in a row in the order of their writing, int32[n], repetitions included."""
        start, written = row * self.capacity, int(self._written[row])
        if written <= self.capacity:
            return self._slots[start : start + written]
        ring = self._slots[start : start + self.capacity]
        return np.roll(ring, -(written % self.capacity))

    def mark(self, rows: Rows, referenced: NDArray[np.bool_]) -> None:
        """Set referenced[slot] for every slot that an entry of rows names."""
        ring = self._slots.reshape(self.rows, self.capacity)
        position = np.arange(self.capacity)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE]
            referenced[ring[some][position < self._written[some, None]]] = True
