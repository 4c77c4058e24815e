"""Who gets what is delivered to a name: sets of rows, as arrays."""

from hypothesis import given
from hypothesis import strategies as st

from services.stream.feeds.follower_index import FollowerIndex


def found(index, names):
    """Return the rows under names, one list."""
    return [row for rows in index.rows_of(names) for row in rows.tolist()]


edits = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.sampled_from("abc")), max_size=60)


@given(edits)
def test_the_follower_index_holds_each_row_once_under_each_name(changes):
    """It behaves as a set of pairs."""
    index, pairs = FollowerIndex(), set()
    for add, row, name in changes:
        if add and (row, name) not in pairs:
            index.add(row, [name])
            pairs.add((row, name))
        elif not add:
            index.remove(row, [name])
            pairs.discard((row, name))
    for names in (["a"], ["b"], ["a", "b", "c"], []):
        assert set(found(index, names)) == {row for row, name in pairs if name in names}
    assert len(index) == len({name for _, name in pairs})


def test_a_row_under_several_names_repeats():
    """Whoever takes the rows merges them: sorting costs more than appending."""
    index = FollowerIndex()
    index.add(3, ["a", "b"])
    index.add(4, ["b"])
    assert sorted(found(index, ["a", "b", "c"])) == [3, 3, 4]


def test_a_name_that_nobody_follows_any_more_takes_no_memory():
    """Names come and go by the million."""
    index = FollowerIndex()
    for row in range(100):
        index.add(row, [f"tag:{row}", "tag:all"])
    for row in range(100):
        index.remove(row, [f"tag:{row}", "tag:all", "tag:never"])
    assert len(index) == 0
    assert index.memory == 0
    assert index.rows_of(["tag:all", "tag:1"]) == []


def test_room_to_grow_is_at_most_half_of_what_is_there():
    """Four bytes a follower, and a little."""
    index = FollowerIndex()
    for row in range(10_000):
        index.add(row, ["tag:all"])
        assert index.memory <= max(16, 6 * (row + 1))
    assert found(index, ["tag:all"]) == list(range(10_000))


def test_what_was_asked_for_stays_as_it_was_while_the_index_doesnt_change():
    """A delivery holds on to it for a moment instead of a copy."""
    index = FollowerIndex()
    for row in (5, 6, 7):
        index.add(row, ["tag:a"])
    (rows,) = index.rows_of(["tag:a"])
    index.rows_of(["tag:a", "tag:b"])
    assert rows.tolist() == [5, 6, 7]
    index.remove(5, ["tag:a"])
    assert sorted(found(index, ["tag:a"])) == [6, 7]
