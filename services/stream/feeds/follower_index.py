"""Who in this worker gets what is delivered to a name: an int32 array of timeline rows for each followed name."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]

_NOBODY: Rows = np.empty(0, np.int32)
_SMALLEST = 4


class FollowerIndex:
    """Name → rows. A row appears at most once under a name."""

    def __init__(self) -> None:
        self._rows: dict[str, Rows] = {}
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, row: int, names: Iterable[str]) -> None:
        """Put row under names. It must not be there yet: O(1) a name, amortised, without a search."""
        for name in names:
            count = self._counts.get(name, 0)
            rows = self._rows.get(name)
            if rows is None or count == len(rows):
                # By halves: doubling would leave half of the memory unused where many have just outgrown theirs.
                grown = np.empty(max(_SMALLEST, count + count // 2), np.int32)
                grown[:count] = _NOBODY if rows is None else rows
                self._rows[name] = rows = grown
            rows[count] = row
            self._counts[name] = count + 1

    def remove(self, row: int, names: Iterable[str]) -> None:
        """Take row from names; where it isn't, nothing happens. O(followers of a name)."""
        for name in names:
            found = np.flatnonzero(self._of(name) == row)
            if not len(found):
                continue
            last = self._counts[name] - 1
            if last == 0:
                del self._rows[name], self._counts[name]
                continue
            # Order means nothing here, so the last one fills the hole.
            self._rows[name][found[0]] = self._rows[name][last]
            self._counts[name] = last

    def rows_of(self, names: Iterable[str]) -> list[Rows]:
        """Return the rows under each of names that has any, int32[n] each. A row under several is in several of them.

        They are views, valid until the index changes.
        """
        rows, counts = self._rows, self._counts
        return [rows[name][: counts[name]] for name in names if name in counts]

    @property
    def memory(self) -> int:
        """The bytes of the arrays, room to grow included; names not."""
        return sum(rows.nbytes for rows in self._rows.values())

    def _of(self, name: str) -> Rows:
        rows = self._rows.get(name)
        return _NOBODY if rows is None else rows[: self._counts[name]]
