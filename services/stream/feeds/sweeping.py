"""Freeing the slots of activities that neither a timeline nor the window names, in steps that let other work through."""

from collections.abc import Iterable

import numpy as np

from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.timelines import Timelines

# A step of either kind takes about two milliseconds.
_ENTRIES_AT_ONCE = 1_000_000
_SLOTS_AT_ONCE = 4_000


class Sweep:
    """One round: marks what is referenced, then frees the rest. Whatever the table takes meanwhile is marked by the table."""

    def __init__(self, table: ActivityTable, timelines: Timelines, rows: int, window: Iterable[int]) -> None:
        """rows: how many of the first rows are or were in use. window: slots that must stay."""
        self._table = table
        self._timelines = timelines
        self._rows = rows
        self._row = 0
        self._marks = table.mark_all()
        self._marks[list(window)] = True
        self._doomed: list[int] | None = None
        self.freed = 0

    def step(self) -> bool:
        """Do a part of the work; return whether there is more."""
        if self._row < self._rows:
            last = min(self._rows, self._row + max(1, _ENTRIES_AT_ONCE // self._timelines.capacity))
            self._timelines.mark(self._row, last, self._marks)
            self._row = last
            return True
        if self._doomed is None:
            self._doomed = np.flatnonzero(~self._marks).tolist()
        # Freeing asks for the mark again: what was doomed may have come back since.
        self.freed += self._table.free(self._doomed[-_SLOTS_AT_ONCE:])
        del self._doomed[-_SLOTS_AT_ONCE:]
        return bool(self._doomed)
