"""What arrives is gathered and written to the timelines in batches: NumPy's calls cost more than the entries of one activity."""

from collections import deque
from collections.abc import Iterable

import numpy as np

from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.follower_index import Rows
from services.stream.feeds.timelines import Timelines

# Rows, and in how many parts: where all of them go to the same few readers, each is written by itself.
_BATCH, _PARTS = 8192, 64
# A slice takes a few milliseconds.
_SLICE = 65_536


class Deliveries:
    """Slots on their way to rows. In which order they get there means nothing: timelines are sorted at reading."""

    def __init__(self, table: ActivityTable, timelines: Timelines) -> None:
        self._table = table
        self._timelines = timelines
        self._rows: list[Rows] = []
        self._slots: list[int] = []
        self._gathered = 0
        self._large: deque[tuple[int, Rows]] = deque()

    def add(self, slot: int, found: Iterable[Rows]) -> int:
        """Take a slot for rows, int32[n] each, n at least 1; return how many that are. They may be views that stay until flush."""
        added = 0
        for rows in found:
            count = len(rows)
            added += count
            if count > _SLICE:
                # A copy: the index may change between two slices, by moving its last row into a hole before them.
                self._large.append((slot, np.array(rows)))
            else:
                self._rows.append(rows)
                self._slots.append(slot)
                self._gathered += count
        if self._gathered >= _BATCH or len(self._slots) >= _PARTS:
            self.flush()
        return added

    def flush(self) -> None:
        """Write what was gathered: to be called before anything reads timelines or changes who follows. Large ones go by slices."""
        if not self._gathered:
            return
        all_rows, slots = self._rows, np.array(self._slots, np.int32)
        self._rows, self._slots, self._gathered = [], [], 0
        if len(all_rows) == 1:
            self._write(all_rows[0], slots)
        else:
            self._write(np.concatenate(all_rows), slots.repeat([len(rows) for rows in all_rows]))

    def deliver_slice(self) -> bool:
        """Write what was gathered or a slice of what goes to very many; return whether there is more."""
        self.flush()
        if self._large:
            slot, rows = self._large.popleft()
            self._write(rows[:_SLICE], np.array([slot], np.int32))
            if len(rows) > _SLICE:
                self._large.appendleft((slot, rows[_SLICE:]))
        return bool(self._large)

    @property
    def unfinished(self) -> bool:
        """Whether something large is only partly delivered."""
        return bool(self._large)

    def _write(self, rows: Rows, slots: Rows) -> None:
        self._timelines.append(rows, slots, self._table.sort_keys)
