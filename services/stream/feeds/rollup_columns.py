"""What activities have in common, by slot of the activity table: looked up once for each activity, not for each read."""

from collections.abc import Sequence
from itertools import compress
from operator import is_not

import numpy as np

from services.contracts.matching import Facts
from services.stream.feeds.rollups import KINDS, Numbers, commons
from services.stream.feeds.timelines import Slots


class CommonColumns:
    """56 bytes a slot, only where rolled-up feeds are read. Facts that are here are never changed, only replaced."""

    def __init__(self) -> None:
        self._had: Numbers = np.zeros((KINDS, 0), np.int64)
        # The facts that a row is of: a slot may have got others.
        self._facts: list[Facts | None] = []

    def of(self, slots: Slots, facts: Sequence[Facts]) -> Numbers:
        """Return what the activities in slots have, see commons. facts: those in the slots now. O(slots), some µs for each new one."""
        if len(slots) and (most := int(slots.max())) >= len(self._facts):
            self._grow(2 * most + 1)
        known = self._facts
        stale = list(compress(range(len(facts)), map(is_not, facts, map(known.__getitem__, slots.tolist()))))
        if stale:
            changed = [facts[at] for at in stale]
            self._had[:, slots[stale]] = commons(changed)
            for slot, each in zip(slots[stale].tolist(), changed, strict=True):
                known[slot] = each
        return self._had.take(slots, axis=1)

    def _grow(self, size: int) -> None:
        had = np.zeros((KINDS, size), np.int64)
        had[:, : self._had.shape[1]] = self._had
        self._had = had
        self._facts += [None] * (size - len(self._facts))
