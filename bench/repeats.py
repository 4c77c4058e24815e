"""Repeats in turn: what is measured and its ceiling see the same moods of the machine."""

import gc
import time
from collections.abc import Callable

from bench.figures import Measured


def in_turn(repeats: int, value: Callable[[], float], ceiling: Callable[[], float]) -> Measured:
    """Take value and ceiling one after the other, `repeats` times."""
    values, ceilings = [], []
    for _ in range(repeats):
        values.append(value())
        ceilings.append(ceiling())
    return Measured(values, ceilings)


def processor_seconds(work: Callable[[], object]) -> float:
    """Return the processor time that work takes: who has a core alone waits for nothing, and who hasn't isn't blamed for it."""
    gc.collect()
    begun = time.process_time()
    work()
    return time.process_time() - begun
