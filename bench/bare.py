"""The ceiling of delivering: rings of NumPy columns, appended to and nothing else."""

from collections.abc import Sequence

import numpy as np

from bench.population import Numbers


class BareRings:
    """Full rings. No keys are compared, nothing is complete from anywhere, nothing is late, and nobody reads."""

    def __init__(self, rows: int, capacity: int) -> None:
        """Take 12 bytes an entry and touch them all: memory that was never written costs a page fault at each first write."""
        self.capacity = capacity
        self._keys = np.full(rows * capacity, 1, np.int64)
        self._slots = np.full(rows * capacity, 1, np.int32)
        # Rings stand at different places, as they do after a while.
        self._counts = np.random.default_rng(1).integers(capacity, 2 * capacity, rows)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return self._keys.nbytes + self._slots.nbytes + self._counts.nbytes

    def append(self, rows: Numbers, key: int, slot: int) -> None:
        """Append an entry to rows (int32[n], each once): count gather, two columns, count update."""
        counts = self._counts[rows]
        at = rows.astype(np.int64) * self.capacity + counts % self.capacity
        self._keys[at] = key
        self._slots[at] = slot
        self._counts[rows] = counts + 1

    def append_all(self, deliveries: Sequence[Numbers]) -> int:
        """Append one entry for each array of rows; return how many entries that were."""
        for number, rows in enumerate(deliveries):
            self.append(rows, number, number)
        return sum(map(len, deliveries))
