"""The ring by itself: who takes an entry, and what a row admits not to hold."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.stream.feeds.timelines import EVERYTHING, NO_ACTIVITY, NOTHING, Timelines

# A slot is its own sort key here; 0 is no activity's.
keys = st.integers(1, 30)
SORT_KEYS = np.arange(32)
SORT_KEYS[NO_ACTIVITY] = EVERYTHING


def rows(*numbers):
    return np.array(numbers, np.int32)


def built(capacity, entries=(), complete_from=EVERYTHING):
    timelines = Timelines(2, capacity)
    entries = sorted(entries)
    timelines.build(1, np.array(entries, np.int32), complete_from)
    return timelines


def append(timelines, number, *slots):
    timelines.append(np.full(len(slots), number, np.int32), np.array(slots, np.int32), SORT_KEYS)


def test_a_row_that_was_never_built_takes_nothing():
    """Nobody reads it, so nothing is written for it."""
    timelines = Timelines(2, 3)
    timelines.append(rows(0, 1), rows(7), SORT_KEYS)
    assert [timelines.slots_of(row).tolist() for row in (0, 1)] == [[], []]
    assert timelines.complete_from.tolist() == [NOTHING, NOTHING]


@given(st.lists(keys, max_size=5, unique=True), st.lists(keys, max_size=30), st.integers(1, 5))
def test_above_complete_from_nothing_is_missing(first, arriving, capacity):
    """Whatever arrives in whatever order: every key strictly above complete_from is in the ring."""
    first = sorted(first)[-capacity:]
    timelines = built(capacity, first)
    for key in arriving:
        append(timelines, 1, key)
    complete_from = int(timelines.complete_from[1])
    held = timelines.slots_of(1).tolist()
    assert len(held) <= capacity
    assert {key for key in [*first, *arriving] if key > complete_from} == {key for key in held if key > complete_from}


@given(st.lists(keys, min_size=1, max_size=20))
def test_arrivals_in_order_keep_the_newest(arriving):
    """The common case loses only the oldest."""
    arriving = sorted(set(arriving))
    timelines = built(4)
    for key in arriving:
        append(timelines, 1, key)
    assert timelines.slots_of(1).tolist() == arriving[-4:]


def test_marking_names_what_entries_hold_and_nothing_else():
    """What is left over in memory from an earlier reader keeps no activity alive."""
    timelines = built(4, [1, 2, 3])
    timelines.build(1, np.array([5], np.int32), EVERYTHING)
    referenced = np.zeros(10, np.bool_)
    timelines.mark(0, 2, referenced)
    assert np.flatnonzero(referenced).tolist() == [NO_ACTIVITY, 5]


def test_a_row_that_is_asked_twice_takes_an_entry_once():
    """Who follows two of an activity's targets has it once."""
    timelines = built(3, [1, 2, 3])
    timelines.append(rows(1, 1), rows(5), SORT_KEYS)
    assert timelines.slots_of(1).tolist() == [2, 3, 5]
    assert int(timelines.complete_from[1]) == 1


@given(
    st.lists(st.tuples(st.integers(0, 3), keys), max_size=40),
    st.lists(st.lists(keys, max_size=3, unique=True), min_size=4, max_size=4),
    st.integers(3, 6),
)
def test_a_batch_of_arrivals_leaves_what_they_leave_one_by_one(arriving, first, capacity):
    """Rows that repeat in a batch take each of their slots once, in order; nothing above complete_from gets lost."""
    batch, single = Timelines(4, capacity), Timelines(4, capacity)
    for row, some in enumerate(first):
        for timelines in (batch, single):
            timelines.build(row, np.array(sorted(some), np.int32), EVERYTHING)
    batch.append(rows(*[row for row, _ in arriving]), rows(*[slot for _, slot in arriving]), SORT_KEYS)
    for row, slot in dict.fromkeys(arriving):
        append(single, row, slot)
    for row in range(4):
        assert batch.slots_of(row).tolist() == single.slots_of(row).tolist()
    assert batch.complete_from.tolist() == single.complete_from.tolist()
