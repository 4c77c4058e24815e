"""Raw records are taken a slice at a time; where the slices are cut must not show."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Entity
from services.stream.refine.partition_refiner import PartitionRefiner
from services.stream.refine.winners import Winners
from tests.unit.stream.refine.refine_steps import DAY, Log, Rec, Writer, activity, raw

LARGE = tuple(Entity(f"person:{n}", "x" * 500, "y" * 500, "https://e.example/" + "z" * 4000) for n in range(400))


def too_large(version, native_id):
    return activity(native_id, version=version, mentions=LARGE)


def beyond_the_calendar(version, native_id):
    """Provokes an error that nobody has foreseen."""
    return activity(native_id, version=version, accepted_ms=10**17)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["post", "post", "delete", "too large", "beyond", "garbage"]),
        st.integers(0, 4),
        st.sampled_from("xxy"),
        st.sampled_from(["a", "b"]),
    ),
    max_size=10,
)


def record_of(offset, step):
    kind, version, native_id, content = step
    said = activity(native_id, content, version=version)
    if kind == "garbage":
        return Rec(offset, said.id.encode(), b"\xff\xff")
    if kind == "delete":
        return raw(offset, replace(said.as_deleted(version), accepted_ms=DAY))
    made = {"too large": too_large, "beyond": beyond_the_calendar}.get(kind)
    return raw(offset, made(version, native_id) if made else said)


def outcome_of(records, cuts):
    """Return what the log says, what was refused and what is known, when records are cut there."""
    writer = Writer(Log())
    begins = [0, *sorted({cut for cut in cuts if 0 < cut < len(records)}), len(records)]
    for begin, end in pairwise(begins):
        writer.write(*records[begin:end])
    known = {record.key: writer.winners.get(bytes.fromhex(record.key.decode())) for record in records}
    return list(writer.log), writer.refused, known, writer.winners.folded_to


@given(STEPS, st.lists(st.integers(1, 9), max_size=4))
def test_however_the_log_is_sliced_the_same_is_written_refused_and_known(steps, cuts):
    records = [record_of(offset, step) for offset, step in enumerate(steps)]
    one_by_one = outcome_of(records, range(len(records)))
    assert outcome_of(records, cuts) == one_by_one


def test_a_record_that_cannot_be_refined_costs_its_neighbours_nothing():
    """The versions before and behind it are written, and it leaves no trace in what is known."""
    writer = Writer(Log())
    writer.write(raw(0, activity(version=1)), raw(1, too_large(2, "1")), raw(2, activity(version=2, content="b")))
    assert writer.refused == [(1, "refined-too-large")]
    assert [a.text for a in writer.log.last().values()] == ["b"]
    assert len(writer.log) == 2


def test_what_nobody_has_foreseen_is_handed_back_as_it_is():
    """The agent names its type only: its text might quote content."""
    taken = PartitionRefiner(Winners(), lambda _line: ("", 0.0)).take([raw(0, beyond_the_calendar(1, "1"))])
    [(record, error)] = taken.refused
    assert (record.offset, taken.emissions, dict(taken.outcomes)) == (0, [], {"refused": 1})
    assert isinstance(error, ValueError | OverflowError)


def test_a_lack_of_memory_is_nobodys_fault():
    """It isn't the record that is wrong: the batch stays unacknowledged."""

    def starving(_line):
        raise MemoryError

    refiner = PartitionRefiner(Winners(), starving)
    with pytest.raises(MemoryError):
        refiner.take([raw(0, activity(content="Wir haben heute die neue Fassung ausgeliefert"))])


def test_outcomes_are_counted_once():
    first, again = raw(0, activity()), raw(1, activity())
    refiner = PartitionRefiner(Winners(), lambda _line: ("", 0.0))
    assert dict(refiner.take([first, again]).outcomes) == {"emitted": 1, "duplicate": 1}
    assert dict(refiner.take([again]).outcomes) == {"folded-before": 1}
