"""Two replica groups, and workers that lost their place, write the same topic."""

from services.contracts.cloud_events import RELATION_OFFSET
from services.contracts.relations import Relation, RelationKind
from services.stream.feeds.intake import Intake
from services.stream.feeds.inverse_records import InverseRecords
from services.stream.feeds.relation_state import RelationState
from tests.unit.stream.feeds.relation_records import FakeRecord, inverse_record, relation_record

EDGE = Relation("person:anna", RelationKind.FOLLOWS, "person:ben", 1_795_469_020_000)


def owner():
    """A worker's state that has everything."""
    state = RelationState(1)
    state.take_over(0)
    return state, Intake(state, None), InverseRecords(state)


def as_record(outgoing, offset=0):
    return FakeRecord(outgoing.topic, outgoing.partition, offset, 1, outgoing.key, outgoing.value, tuple(outgoing.headers))


def test_everybody_derives_the_same_bytes():
    """Consumers drop what they have seen by its id; compaction doesn't care whose copy it keeps."""
    record = relation_record(EDGE, 0, 41)
    here, there = InverseRecords(RelationState(1)).derived(record), InverseRecords(RelationState(1)).derived(record)
    assert here == there
    assert here.headers[0] == (RELATION_OFFSET, b"41")
    assert dict(here.headers)["ce_id"] == b"sluice.relations.v1/0/41"
    assert (here.key, here.value) == (EDGE.inverse_key, record.value)


def test_what_is_in_force_is_not_written_again():
    """The second group, and whoever reads the log again after a restart, mostly has nothing to write."""
    _, intake, inverse = owner()
    record, later = relation_record(EDGE, 0, 41), relation_record(EDGE, 0, 42, gone=True)
    assert not intake.inverse([as_record(inverse.derived(record))]).overtaken
    assert inverse.derived(record) is None
    assert inverse.derived(later).value is None
    assert not intake.inverse([as_record(inverse.derived(later))]).overtaken
    assert inverse.derived(record) is None
    assert inverse.derived(later) is None


def test_a_late_record_changes_nothing_and_is_written_over():
    """The log must end with what counts: compaction keeps the last record of a key and nothing else."""
    state, intake, inverse = owner()
    intake.inverse([inverse_record(EDGE, 0, gone=True, version=42)])
    taken = intake.inverse([inverse_record(EDGE, 0, version=41)])
    assert not state.subjects(EDGE.object, EDGE.kind)
    [late] = taken.overtaken
    again = inverse.repeated(late)
    assert (again.key, again.value, again.headers[0]) == (EDGE.inverse_key, None, (RELATION_OFFSET, b"42"))
    assert not intake.inverse([as_record(again)]).overtaken


def test_an_edge_that_counts_is_repeated_with_its_time():
    _, intake, inverse = owner()
    intake.inverse([inverse_record(EDGE, 0, version=42)])
    [late] = intake.inverse([inverse_record(EDGE, 0, gone=True, version=41)]).overtaken
    again = inverse.repeated(late)
    assert again.value == relation_record(EDGE, 0).value
    assert again.headers[0] == (RELATION_OFFSET, b"42")


def test_a_key_that_names_no_edge_has_no_inverse():
    assert InverseRecords(RelationState(1)).derived(FakeRecord("t", 0, 0, 0, b"nonsense", b"")) is None
