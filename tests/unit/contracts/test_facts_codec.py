"""Facts are read from bytes directly; they must be those of the activity in them."""

import pytest
from hypothesis import given
from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.activity import Audience, Verb
from services.contracts.codec import UndecodableRecord, activity_to_bytes
from services.contracts.facts_codec import facts_from_bytes
from services.contracts.matching import facts_of
from tests.unit.contracts.activities import activities


@given(activities)
def test_the_facts_of_the_bytes_are_those_of_the_activity(activity):
    """Two ways lead to the same facts, so that live delivery and the index agree on every name."""
    assert facts_from_bytes(activity_to_bytes(activity)) == facts_of(activity)


def test_what_a_newer_version_says_stays_closed():
    """An unknown verb is OTHER, an unknown scope readable by nobody."""
    message = pb.Activity(id="0" * 32, verb=99, audience=pb.Audience(scope=99, groups=["group:g"]))  # type: ignore[arg-type]
    facts = facts_from_bytes(message.SerializeToString())
    assert (facts.verb, facts.audience) == (Verb.OTHER, Audience())


def test_other_bytes_are_refused():
    """They go to the dead letter queue."""
    with pytest.raises(UndecodableRecord):
        facts_from_bytes(b"\xff")
