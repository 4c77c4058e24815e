"""Rows come out by place, sort time then id, each slot once, whatever order they were written in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Audience, Scope, Verb
from services.contracts.matching import Facts
from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.ordering import Ordering
from services.stream.feeds.timelines import EVERYTHING, Timelines

CAPACITY = 6


class Row:
    """Activities with a time and an id, and one row over them."""

    def __init__(self, places, capacity=CAPACITY):
        self.table = ActivityTable(1 << 20)
        self.timelines = Timelines(1, capacity)
        self.ordering = Ordering(self.table, self.timelines)
        for place in places:
            self.place(*place)
        self.timelines.build(0, np.empty(0, np.int32), EVERYTHING)

    def place(self, number, time):
        facts = Facts(f"{number:032x}", time, Verb.POST, "person:b", ("person:b",), Audience(Scope.PUBLIC))
        return self.table.put(facts, b"")[0]

    def append(self, number):
        slot = self.table.slot_of(f"{number:032x}")
        self.timelines.append(np.zeros(1, np.int32), np.array([slot], np.int32), self.table.sort_keys)

    def read(self):
        slots = self.ordering.read(0)
        return [(facts.sort_time_ms, int(facts.id, 16)) for facts in map(self.table.facts_at, slots.tolist())]

    def held(self):
        return self.timelines.slots_of(0).tolist()

    @property
    def complete_from(self):
        return int(self.timelines.complete_from[0])


def test_ties_are_ordered_by_id():
    """The slot numbers, which say when a worker learnt of an activity, must not."""
    row = Row([(3, 10), (1, 10), (2, 10), (9, 5), (0, 20)])
    for number in (0, 3, 9, 1, 2):
        row.append(number)
    assert row.read() == [(5, 9), (10, 1), (10, 2), (10, 3), (20, 0)]


def test_what_was_put_in_order_stays_as_it_is():
    """Most reads find nothing to do."""
    row = Row([(1, 1), (2, 2), (3, 2), (4, 3)])
    for number in (4, 3, 2, 1):
        row.append(number)
    ordered = row.read()
    before = row.held()
    assert row.read() == ordered
    assert row.held() == before


def test_the_oldest_is_overwritten_next_once_the_row_was_read():
    """A late entry stands where it was written; read once, it is the first to go."""
    row = Row([(number, number) for number in range(1, 9)])
    for number in (3, 4, 5, 6, 7, 2):
        row.append(number)
    assert [time for time, _ in row.read()] == [2, 3, 4, 5, 6, 7]
    row.append(8)
    assert row.complete_from == 2
    assert [time for time, _ in row.read()] == [3, 4, 5, 6, 7, 8]


def test_repetitions_take_no_room_once_the_row_was_read():
    """An edit delivers again what was there already."""
    row = Row([(number, number) for number in range(1, 9)])
    for number in (1, 2, 2, 2, 1, 3):
        row.append(number)
    assert [time for time, _ in row.read()] == [1, 2, 3]
    for number in (4, 5, 6):
        row.append(number)
    assert [time for time, _ in row.read()] == [1, 2, 3, 4, 5, 6]
    assert row.complete_from == EVERYTHING


def test_an_entry_that_moved_is_read_at_its_new_place():
    """The key stands in the table, once for all rows."""
    row = Row([(1, 1), (2, 2), (3, 3)])
    for number in (1, 2, 3):
        row.append(number)
    row.place(1, 9)
    assert row.read() == [(2, 2), (3, 3), (9, 1)]


def test_more_than_fit_leaves_the_newest_and_says_so():
    """complete_from is the key of the newest that was left out, so ties with it are history's."""
    row = Row([(number, 1 + number // 2) for number in range(10)])
    slots = [row.table.slot_of(f"{number:032x}") for number in (7, 1, 9, 3, 5, 0, 2, 4, 6, 8)]
    row.ordering.write(0, np.array(slots, np.int32), EVERYTHING)
    assert row.complete_from == 2
    assert row.read() == [(3, 4), (3, 5), (4, 6), (4, 7), (5, 8), (5, 9)]


def test_of_a_millisecond_that_doesnt_fit_whole_nothing_is_shown():
    """History gives all of it: what the row had of it would be shown twice."""
    row = Row([(number, 1 + number // 3) for number in range(9)])
    slots = [row.table.slot_of(f"{number:032x}") for number in range(1, 9)]
    row.ordering.write(0, np.array(slots, np.int32), EVERYTHING)
    assert row.complete_from == 1
    for _ in range(2):
        assert row.read() == [(2, 3), (2, 4), (2, 5), (3, 6), (3, 7), (3, 8)]
    row.ordering.write(0, np.array(slots[:-1], np.int32), EVERYTHING)
    assert row.complete_from == 1
    for _ in range(2):
        assert row.read() == [(2, 3), (2, 4), (2, 5), (3, 6), (3, 7)]


def test_nothing_up_to_complete_from_is_written():
    """There it would only take room."""
    row = Row([(1, 1), (2, 2), (3, 3)])
    row.ordering.write(0, np.array([row.table.slot_of(f"{number:032x}") for number in (1, 2, 3)], np.int32), 2)
    assert row.read() == [(3, 3)]
    assert row.complete_from == 2


def test_an_empty_row_reads_as_empty():
    """Nobody whom she follows has written."""
    assert Row([]).read() == []


places = st.tuples(st.integers(0, 7), st.integers(0, 3))
steps = st.lists(
    st.one_of(st.tuples(st.just("append"), places), st.tuples(st.just("move"), places), st.tuples(st.just("read"), st.none()))
)


@given(steps)
def test_a_row_is_read_as_a_sorted_list_would_be(steps):
    """Above complete_from it has everything that was appended, in order, each once. A move is delivered again, as the engine does."""
    row, appended, known = Row([(number, 1) for number in range(8)]), set(), dict.fromkeys(range(8), 1)
    for what, place in steps:
        if what == "read":
            row.read()
            continue
        number, time = place
        if what == "move":
            known[number] = time
            row.place(number, time)
        if what == "append" or number in appended:
            appended.add(number)
            row.append(number)
    read = row.read()
    assert read == sorted(set(read))
    expected = sorted((known[number], number) for number in appended)
    above = [place for place in expected if place[0] > row.complete_from]
    assert read == above


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=140),
    st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=70),
    st.integers(66, 100),
)
def test_the_newest_are_those_of_the_whole_row(first, arriving, capacity):
    """What a first page is made of may leave out the oldest, never one in between."""
    row = Row([], capacity)
    slots = [row.place(number, time) for number, time in enumerate(first)]
    row.ordering.write(0, np.array(slots, np.int32), EVERYTHING)
    for number, (time, edited) in enumerate(arriving, len(first)):
        slot = row.place(0 if edited else number, first[0] if edited else time)
        row.timelines.append(np.zeros(1, np.int32), np.array([slot], np.int32), row.table.sort_keys)
    newest = row.ordering.read_newest(0).tolist()
    whole = row.ordering.read(0).tolist()
    assert newest == whole[len(whole) - len(newest) :]
