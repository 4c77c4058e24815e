"""Freeing what nobody names, a step at a time, while the table goes on changing."""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Audience, Scope, Verb
from services.contracts.matching import Facts
from services.stream.feeds import sweeping
from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.sweeping import Sweep
from services.stream.feeds.timelines import EVERYTHING, Timelines

CAPACITY = 4


def facts(number):
    return Facts(f"{number:032x}", number, Verb.POST, "person:b", ("person:b",), Audience(Scope.PUBLIC))


class Shelf:
    """A table and the timelines that name its slots."""

    def __init__(self, rows=3):
        self.table = ActivityTable(1 << 20)
        self.timelines = Timelines(rows, CAPACITY)
        self.rows = rows

    def put(self, number):
        return self.table.put(facts(number), b"body")[0]

    def build(self, row, numbers):
        slots = [self.table.slot_of(facts(number).id) for number in sorted(numbers)]
        self.timelines.build(row, np.array(slots, np.int32), EVERYTHING)

    def known(self):
        return {number for number in range(100) if self.table.slot_of(facts(number).id) is not None}

    def sweep(self, window=()):
        return Sweep(self.table, self.timelines, self.rows, [self.table.slot_of(facts(number).id) for number in window])


@contextmanager
def small_steps(entries=CAPACITY, slots=1):
    """Steps of one row, then of one slot."""
    before = sweeping._ENTRIES_AT_ONCE, sweeping._SLOTS_AT_ONCE
    sweeping._ENTRIES_AT_ONCE, sweeping._SLOTS_AT_ONCE = entries, slots
    try:
        yield
    finally:
        sweeping._ENTRIES_AT_ONCE, sweeping._SLOTS_AT_ONCE = before


def finished(sweep):
    while sweep.step():
        pass
    return sweep.freed


def test_what_timelines_and_the_window_name_stays():
    """The rest goes, with its body and its facts."""
    shelf = Shelf()
    for number in range(8):
        shelf.put(number)
    shelf.build(0, [1, 2])
    shelf.build(2, [5])
    assert finished(shelf.sweep(window=[7])) == 4
    assert shelf.known() == {1, 2, 5, 7}
    assert shelf.table.body_bytes == 4 * len(b"body")


def test_a_freed_slot_is_given_to_the_next():
    """Numbers are reused; whoever looks at one that is free is told."""
    shelf = Shelf()
    slot = shelf.put(1)
    finished(shelf.sweep())
    with pytest.raises(LookupError):
        shelf.table.facts_at(slot)
    assert shelf.put(2) == slot
    assert shelf.table.facts_at(slot) == facts(2)


def test_rows_that_were_never_in_use_name_nothing():
    """Only the first rows are looked at."""
    shelf = Shelf()
    shelf.put(1)
    shelf.rows = 0
    assert finished(shelf.sweep()) == 1


numbers = st.integers(0, 9)
happenings = st.one_of(
    st.tuples(st.just("put"), numbers, st.none()),
    st.tuples(st.just("learn"), numbers, st.none()),
    st.tuples(st.just("build"), st.integers(0, 2), st.sets(numbers, max_size=CAPACITY)),
    st.tuples(st.just("step"), st.none(), st.none()),
)


@given(st.sets(numbers), st.dictionaries(st.integers(0, 2), st.sets(numbers, max_size=3)), st.lists(happenings, max_size=40))
def test_nothing_that_is_named_is_freed_whatever_happens_between_two_steps(first, rows, then):
    """Records come again, history tells, readers come and go while a sweep is under way."""
    shelf, named = Shelf(), {row: set() for row in range(3)}
    for number in first:
        shelf.put(number)
    for row, some in rows.items():
        named[row] = some & first
        shelf.build(row, named[row])
    with small_steps():
        sweep = shelf.sweep()
        for what, number, some in then:
            if what == "step":
                sweep.step()
            elif what == "put":
                shelf.put(number)
            elif what == "learn":
                shelf.table.learn(facts(number), None)
            else:
                # As the engine does it: what a timeline is built from is learnt first.
                for one in some:
                    shelf.table.learn(facts(one), None)
                named[number] = some
                shelf.build(number, some)
            assert set().union(*named.values()) <= shelf.known()
        finished(sweep)
        assert set().union(*named.values()) <= shelf.known()
        finished(shelf.sweep())
    assert shelf.known() == set().union(*named.values())


def test_a_step_does_a_bounded_part_of_the_work():
    """A worker with a million rows reads on between two of them."""
    shelf = Shelf(rows=5)
    for number in range(1, 21):
        shelf.put(number)
    with small_steps(entries=2 * CAPACITY, slots=8):
        sweep, steps = shelf.sweep(), 1
        while sweep.step():
            steps += 1
    assert steps == 3 + 3
    assert sweep.freed == 20
