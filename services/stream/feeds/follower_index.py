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
        # What is used of an array that has room to grow, which is its base: an arrival then makes no views.
        self._used: dict[str, Rows] = {}

    def __len__(self) -> int:
        return len(self._used)

    def add(self, row: int, names: Iterable[str]) -> None:
        """Put row under names. It must not be there yet: O(1) a name, amortised, without a search."""
        for name in names:
            used = self._used.get(name, _NOBODY)
            count, room = len(used), _room_of(used)
            if count == len(room):
                # By halves: doubling would leave half of the memory unused where many have just outgrown theirs.
                room = np.empty(max(_SMALLEST, count + count // 2), np.int32)
                room[:count] = used
            room[count] = row
            self._used[name] = room[: count + 1]

    def remove(self, row: int, names: Iterable[str]) -> None:
        """Take row from names; where it isn't, nothing happens. O(followers of a name)."""
        for name in names:
            used = self._used.get(name, _NOBODY)
            found = np.flatnonzero(used == row)
            if not len(found):
                continue
            if len(used) == 1:
                del self._used[name]
                continue
            # Order means nothing here, so the last one fills the hole.
            used[found[0]] = used[-1]
            self._used[name] = _room_of(used)[: len(used) - 1]

    def rows_of(self, names: Iterable[str]) -> list[Rows]:
        """Return the rows under each of names that has any, int32[n] each. A row under several is in several of them.

        They are views, valid until the index changes.
        """
        used = self._used
        return [used[name] for name in names if name in used]

    @property
    def memory(self) -> int:
        """The bytes of the arrays, room to grow included; names not."""
        return sum(_room_of(used).nbytes for used in self._used.values())


def _room_of(used: Rows) -> Rows:
    """Return the array that rows are the used part of: the base of a view."""
    return used if used.base is None else used.base
