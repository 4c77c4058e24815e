"""What users marked, by activity id: 16 bytes a mark, 24 where the order of marking counts."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.contracts.relation_codec import MarkerKind
from services.stream.feeds.edge_columns import Flags
from services.stream.feeds.edge_keys import MARK_BITS, Ids
from services.stream.feeds.interning import Longs

_BYTES = 16
_DIGITS = 2 * _BYTES


@dataclass(frozen=True, slots=True)
class MarkLog:
    """Marks in the order of a log, arrays of one length. ids: uint64[n, 2]; gone: what was taken back; offsets: in the log."""

    groups: Longs
    ids: Ids
    gone: Flags
    offsets: Longs


class Marks:
    """The marks of one partition, by group (user and kind), in the order of the log. Marking twice is marking once.

    What is saved keeps the offset of its last record; where else something is marked once more it stays where it was.
    """

    def __init__(self, log: MarkLog | None = None) -> None:
        """log: everything so far; the last of a mark wins."""
        self._ids: dict[int, bytearray] = {}
        self._offsets: dict[int, array[int]] = {}
        if log is not None:
            self._load(log)

    def of(self, group: int) -> set[str]:
        """Return the ids of the marked activities."""
        digits = self._ids.get(group, b"").hex()
        return {digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)}

    def in_order(self, group: int) -> tuple[Sequence[int], bytes | bytearray]:
        """Return the rising offsets of what is saved, and the 16 bytes of each id, one behind the other. To be used up at once."""
        return self._offsets.get(group, ()), self._ids.get(group, b"")

    def add(self, group: int, activity_id: bytes, marked: set[str], offset: int) -> None:
        """Mark an activity. marked: what `of` returns, which is kept up to date; it spares looking for it here. O(1) when it is new."""
        digits = activity_id.hex()
        if digits in marked:
            if not _is_ordered(group):
                return
            self._drop(group, activity_id)
        marked.add(digits)
        self._ids.setdefault(group, bytearray()).extend(activity_id)
        if _is_ordered(group):
            self._offsets.setdefault(group, array("q")).append(offset)

    def remove(self, group: int, activity_id: bytes, marked: set[str]) -> None:
        """Take a mark back. marked: as of add. O(marks of the group)."""
        if activity_id.hex() in marked:
            marked.remove(activity_id.hex())
            self._drop(group, activity_id)

    def _drop(self, group: int, activity_id: bytes) -> None:
        ids = self._ids[group]
        at = ids.find(activity_id)
        while at % _BYTES:
            # The end of one id and the beginning of the next.
            at = ids.find(activity_id, at + 1)
        del ids[at : at + _BYTES]
        if _is_ordered(group):
            del self._offsets[group][at // _BYTES]
        if not ids:
            del self._ids[group]
            self._offsets.pop(group, None)

    def _load(self, log: MarkLog) -> None:
        high, low = log.ids[:, 0], log.ids[:, 1]
        order = np.lexsort((low, high, log.groups))
        groups, ids = log.groups[order], log.ids[order]
        last: Flags = np.ones(len(order), np.bool_)
        last[:-1] = (groups[1:] != groups[:-1]) | np.any(ids[1:] != ids[:-1], axis=1)
        # Back in the order of the log, group by group.
        kept = order[last & ~log.gone[order]]
        kept = kept[np.lexsort((kept, log.groups[kept]))]
        groups, ids, offsets = log.groups[kept], log.ids[kept], log.offsets[kept]
        begins = np.flatnonzero(np.diff(groups, prepend=-1))
        ends = np.append(begins, len(groups))[1:].tolist()
        data = ids.astype(">u8").tobytes()
        for group, begin, end in zip(groups[begins].tolist(), begins.tolist(), ends, strict=True):
            self._ids[group] = bytearray(data[begin * _BYTES : end * _BYTES])
            if _is_ordered(group):
                self._offsets[group] = array("q", offsets[begin:end].tolist())


def _is_ordered(group: int) -> bool:
    return group & ((1 << MARK_BITS) - 1) == MarkerKind.SAVED
