"""Looking for garbage seldom, where thousands of objects live for one batch and die with it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# New objects until the youngest are looked at (Python's own: 700), and how many such looks until the older ones are.
_THRESHOLDS = (20_000, 20, 20)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python look for reference cycles seldom until the block ends.

    By default it does after every 700 new objects, finds the batch in hand alive each time, and takes a tenth of the processor.
    Only cycles wait for longer: all else is freed when its last reference goes, as ever. It counts for the whole process.
    """
    before = gc.get_threshold()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
