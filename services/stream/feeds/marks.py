"""What users marked, by activity id: 16 bytes a mark."""

from dataclasses import dataclass

import numpy as np

from services.stream.feeds.edge_columns import Flags
from services.stream.feeds.edge_keys import Ids
from services.stream.feeds.interning import Longs

_BYTES = 16
_DIGITS = 2 * _BYTES


@dataclass(frozen=True, slots=True)
class MarkLog:
    """Marks in the order of a log, arrays of one length. ids: uint64[n, 2]; gone: what was taken back."""

    groups: Longs
    ids: Ids
    gone: Flags


class Marks:
    """The marks of one partition, by group (user and kind). Marking twice is marking once."""

    def __init__(self, log: MarkLog | None = None) -> None:
        """log: everything so far; the last of a mark wins."""
        self._ids: dict[int, bytearray] = {}
        if log is not None:
            self._load(log)

    def of(self, group: int) -> set[str]:
        """Return the ids of the marked activities."""
        digits = self._ids.get(group, b"").hex()
        return {digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)}

    def add(self, group: int, activity_id: bytes, marked: set[str]) -> None:
        """Mark an activity. marked: what `of` returns, which is kept up to date; it spares looking for it here. O(1)."""
        if activity_id.hex() not in marked:
            marked.add(activity_id.hex())
            self._ids.setdefault(group, bytearray()).extend(activity_id)

    def remove(self, group: int, activity_id: bytes, marked: set[str]) -> None:
        """Take a mark back. marked: as of add. O(marks of the group)."""
        if activity_id.hex() not in marked:
            return
        marked.remove(activity_id.hex())
        if marked:
            self._ids[group] = bytearray().join(map(bytes.fromhex, marked))
        else:
            del self._ids[group]

    def _load(self, log: MarkLog) -> None:
        high, low = log.ids[:, 0], log.ids[:, 1]
        order = np.lexsort((low, high, log.groups))
        groups, ids = log.groups[order], log.ids[order]
        last: Flags = np.ones(len(order), np.bool_)
        last[:-1] = (groups[1:] != groups[:-1]) | np.any(ids[1:] != ids[:-1], axis=1)
        kept = last & ~log.gone[order]
        groups, ids = groups[kept], ids[kept]
        begins = np.flatnonzero(np.diff(groups, prepend=-1))
        ends = np.append(begins, len(groups))[1:].tolist()
        data = ids.astype(">u8").tobytes()
        for group, begin, end in zip(groups[begins].tolist(), begins.tolist(), ends, strict=True):
            self._ids[group] = bytearray(data[begin * _BYTES : end * _BYTES])
