import base64

import orjson
import pytest
from hypothesis import given

from services.contracts.activity_facts import facts_from_message, parse_facts
from services.contracts.codec import activity_from_bytes, activity_to_bytes
from services.contracts.indices import MAPPINGS
from services.contracts.matching import delivered_to, facts_of
from services.search.documents import RecordRefused, body_of, document_at, hiding
from services.search.id_order import order_fields
from tests.unit.contracts.activities import activities
from tests.unit.search.examples import DIRECT, GROUP, INTERNAL, activity


def read(made, offset=0):
    return orjson.loads(document_at(made.id.encode(), activity_to_bytes(made), offset).source)


@given(activities)
def test_a_document_has_only_fields_of_the_mapping_and_gives_the_activity_back(made):
    """The mapping is strict: another field would make every document poison. The body is what reads return."""
    made = made.with_id()
    source = read(made)
    assert set(source) <= set(MAPPINGS["properties"])
    if not made.deleted:
        assert activity_from_bytes(body_of(source)) == made
        assert tuple(source.get("delivered_to", ())) == delivered_to(facts_of(made))
        assert facts_from_message(parse_facts(base64.b64decode(source["facts"]))) == facts_of(made)


def test_a_deleted_activity_becomes_a_marker_without_a_word_of_it():
    """What was taken back is not kept anywhere in the index, and has no scope that a reader could match."""
    made = activity(text="secret").as_deleted(version=3)
    assert read(made) == {"sort_time": 1000, **order_fields(made.id), "deleted": True}


def test_the_audience_is_kept_by_scope():
    """Names count only where the scope asks for them."""
    assert read(activity(audience=GROUP))["audience"] == ["group:platform"]
    assert read(activity(audience=DIRECT))["audience"] == ["person:anna", "person:ben"]
    assert "audience" not in read(activity(audience=INTERNAL))


def test_later_offsets_are_higher_versions():
    """The log's order decides which of two writes of one id stays, from the first offset on."""
    made = activity()
    versions = [document_at(made.id.encode(), activity_to_bytes(made), offset).version for offset in (0, 1, 7)]
    assert versions == [1, 2, 8]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"0" * 32, b"\xff\xff not protobuf", "undecodable"),
        (b"0" * 32, activity_to_bytes(activity()), "key-mismatch"),
        (None, activity_to_bytes(activity()), "key-mismatch"),
        (b"not an id", None, "key-unusable"),
        (None, None, "key-unusable"),
    ],
)
def test_a_record_that_is_no_activity_of_its_key_is_refused_with_a_reason(key, value, reason):
    """Poison has a name for the dead letter queue and never raises anything else."""
    with pytest.raises(RecordRefused) as refused:
        document_at(key, value, 0)
    assert refused.value.reason == reason


def test_a_tombstone_hides_the_activity():
    """Nobody writes tombstones to this topic, but one means that the activity is gone."""
    assert orjson.loads(document_at(b"a" * 32, None, 4).source)["deleted"] is True


def test_a_refused_record_hides_the_version_before_it():
    """The version before may have been readable by more people."""
    hide = hiding(b"a" * 32, 4)
    assert (hide.id, hide.version, orjson.loads(hide.source)["deleted"]) == ("a" * 32, 5, True)
    assert hiding(b"no id", 4) is None
    assert hiding(None, 4) is None


def test_the_body_is_base64_in_the_source():
    """A binary field of Elasticsearch takes nothing else."""
    made = activity()
    assert base64.b64decode(read(made)["body"], validate=True) == activity_to_bytes(made)
