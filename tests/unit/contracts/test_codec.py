import pytest
from hypothesis import given
from hypothesis import strategies as st
from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.activity import Activity, Scope, Source, Verb
from services.contracts.codec import UndecodableRecord, activity_from_bytes, activity_from_proto, activity_to_bytes
from services.contracts.relation_codec import (
    Identity,
    IndexProgress,
    Marker,
    MarkerKind,
    identity_from_bytes,
    identity_to_bytes,
    mark_in_key,
    marker_of_key,
    marker_to_bytes,
    markers_to_bytes,
    progress_from_bytes,
    progress_to_bytes,
    relation_from_bytes,
    relation_to_bytes,
)
from services.contracts.relations import Relation, RelationKind, relation_of_inverse_key, relation_of_key
from tests.unit.contracts.activities import activities, people


@given(activities)
def test_an_activity_survives_its_record(activity):
    """Reading what was written gives the same activity, field by field."""
    assert activity_from_bytes(activity_to_bytes(activity)) == activity


@given(activities)
def test_a_delete_marker_survives_its_record_without_text(activity):
    """A marker keeps ids, times and version; nobody's words."""
    marker = activity.as_deleted(7)
    read = activity_from_bytes(activity_to_bytes(marker))
    assert read == marker
    assert (read.text, read.object.content, read.tags, read.actor) == ("", "", (), None)


@given(st.binary(min_size=1, max_size=40))
def test_arbitrary_bytes_never_raise_anything_but_the_named_error(data):
    """A poison record is a named error, so that it can go to the DLQ."""
    outcome: object
    try:
        outcome = activity_from_bytes(data)
    except UndecodableRecord as error:
        outcome = error
    assert isinstance(outcome, Activity) or "sluice.activity.v1.Activity" in str(outcome)


def test_a_scope_from_the_future_is_closed():
    """A scope that this version doesn't know must not become readable."""
    message = pb.Activity(verb=99)
    message.audience.scope = 42
    read = activity_from_proto(message)
    assert read.audience.scope is Scope.UNSPECIFIED
    assert read.verb is Verb.OTHER


def test_the_id_is_the_same_everywhere_and_parts_dont_run_together():
    """The id is a contract with every data team: it may never change."""
    assert Source("rss", "blog.example", "1").activity_id == "84640f6270e2d115e03bfe0d1503fc1c"
    assert Source("rss", "a", "bc").activity_id != Source("rss", "ab", "c").activity_id


@given(people, st.sampled_from(RelationKind), people, st.integers(1, 10**13))
def test_an_edge_survives_its_record_and_both_keys(subject, kind, obj, created):
    """The two topics carry the same edge; a tombstone is only its key."""
    relation = Relation(subject, kind, obj, created)
    bare = Relation(subject, kind, obj)
    assert relation_from_bytes(relation_to_bytes(relation)) == relation
    assert relation_of_key(relation.key) == bare
    assert relation_of_inverse_key(relation.inverse_key) == bare


@pytest.mark.parametrize("key", [b"", b"a\tb", b"a\tNONSENSE\tb", b"a\tFOLLOWS\tb\tc", b"\xff\tFOLLOWS\tb"])
def test_a_key_that_is_none_is_a_value_error(key):
    """A poison key must be told apart from a programming error."""
    with pytest.raises(ValueError, match=r".*"):
        relation_of_key(key)


def test_marker_keys_and_progress_survive():
    marker = Marker("person:anna", MarkerKind.SAVED, "0" * 32)
    assert marker_of_key(marker.key) == marker
    read = Marker("person:anna", MarkerKind.READ, "0" * 32)
    assert marker_of_key(read.key) == read
    progress = IndexProgress("sluice-activities-v1", 3, 99)
    assert progress_from_bytes(progress_to_bytes(progress)) == progress


@given(people, people, st.booleans(), st.integers(1, 10**13))
def test_an_identity_survives_its_record(account, person, approves, created):
    """Every worker reads the same accounts of the same person."""
    identity = Identity(account, person, approves, created)
    assert identity_from_bytes(identity_to_bytes(identity)) == identity
    assert identity.key.decode() == account


@pytest.mark.parametrize("data", [b"", b"\xff", Identity("person:a", "").key, identity_to_bytes(Identity("", "person:a"))])
def test_an_identity_without_both_names_is_the_named_error(data):
    """Nobody may become the account of nobody."""
    with pytest.raises(UndecodableRecord):
        identity_from_bytes(data)


@pytest.mark.parametrize("kind", MarkerKind)
def test_many_marks_are_the_bytes_of_each(kind):
    """What is spliced together is what protobuf writes."""
    ids, at_ms = ["0" * 32, "2f1c0a54d7e96b38a1c5f0e2b4d69788"], 1_795_469_020_123
    one_by_one = [marker_to_bytes(Marker("person:ä", kind, activity_id, at_ms)) for activity_id in ids]
    assert markers_to_bytes("person:ä", kind, ids, at_ms) == one_by_one
    keys = [Marker("person:ä", kind, activity_id).key for activity_id in ids]
    assert [mark_in_key(key) for key in keys] == [("person:ä", kind, activity_id) for activity_id in ids]
