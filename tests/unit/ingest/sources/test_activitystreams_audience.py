"""Who may read what comes through the inbox: what the document says, never wider than the source is configured."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Audience, Scope
from services.ingest.source import SourceConfig
from services.ingest.sources.activitystreams import CONNECTOR

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
PLATFORM = {"type": "Group", "id": "platform"}
BEN = {"type": "Person", "id": "ben"}
ORDER = [Scope.UNSPECIFIED, Scope.DIRECT, Scope.GROUP, Scope.INTERNAL, Scope.PUBLIC]


def config(audience, **options):
    return SourceConfig(id="a", kind="activitystreams", instance="x", audience=audience, company_ids=True, options=options)


def read_by(document, audience=Audience(Scope.PUBLIC), **options):  # noqa: B008 - frozen
    (activity,) = CONNECTOR.map_payload(
        json.dumps({"type": "Note", "content": "x", **document}).encode(), config(audience, **options)
    ).activities
    return activity.audience


@pytest.mark.parametrize("address", [PUBLIC, "as:Public", "Public", {"id": PUBLIC}, {"objectType": "group", "alias": "@public"}])
def test_public_is_public_where_the_source_is(address):
    assert read_by({"cc": [address, "ben"]}) == Audience(Scope.PUBLIC)
    assert read_by({"cc": address}, Audience(Scope.INTERNAL)) == Audience(Scope.INTERNAL)
    assert read_by({"cc": address}, Audience(Scope.GROUP, groups=("group:a",))) == Audience(Scope.GROUP, groups=("group:a",))
    assert read_by({"to": address}, allow_public=False) == Audience(Scope.INTERNAL)


def test_who_addresses_nobody_is_read_as_configured():
    for document in ({}, {"to": []}, {"to": None}, {"to": ""}):
        assert read_by(document, Audience(Scope.INTERNAL)) == Audience(Scope.INTERNAL)


def test_groups_and_people_are_found_by_type_and_by_configuration():
    assert read_by({"to": [PLATFORM, "ben"]}) == Audience(Scope.GROUP, groups=("group:platform",))
    assert read_by({"to": ["https://x/g"]}, groups=["https://x/g"]) == Audience(Scope.GROUP, groups=("group:https://x/g",))
    assert read_by({"audience": BEN, "bto": "carla"}) == Audience(Scope.DIRECT, recipients=("person:ben", "person:carla"))


@pytest.mark.parametrize(
    "unknown",
    [
        "https://x.example/users/anna/followers",
        {"objectType": "group", "alias": "@private"},
        {"type": "Collection", "id": "c"},
        7,
        {"a": 1},
    ],
)
def test_addressees_that_nobody_knows_never_widen(unknown):
    assert read_by({"to": unknown, "attributedTo": "anna"}) == Audience(Scope.DIRECT, recipients=("person:anna",))
    assert read_by({"to": [unknown, "ben"]}).recipients == ("person:ben",)
    assert read_by({"to": unknown}).recipients == ("person:activitystreams:x:@nobody",)


def test_a_private_note_stays_private_in_a_public_act():
    announce = {"type": "Announce", "actor": "anna", "to": PUBLIC, "object": {"type": "Note", "id": "n", "to": "ben"}}
    assert read_by(announce) == Audience(Scope.DIRECT, recipients=("person:ben",))


def test_a_group_that_the_source_is_not_for_does_not_get_in():
    only = Audience(Scope.GROUP, groups=("group:sales",))
    assert read_by({"to": PLATFORM, "attributedTo": "anna"}, only) == Audience(Scope.DIRECT, recipients=("person:anna",))


ADDRESSEES = st.one_of(
    st.sampled_from([PUBLIC, "as:Public", PLATFORM, BEN, "ben", "", 7, None, {"alias": "@private"}, {"alias": "@public"}]),
    st.text(max_size=5),
)
CEILINGS = [
    Audience(),
    Audience(Scope.PUBLIC),
    Audience(Scope.INTERNAL),
    Audience(Scope.GROUP, groups=("group:platform",)),
    Audience(Scope.DIRECT, recipients=("person:ben",)),
]


@given(
    st.dictionaries(st.sampled_from(["to", "cc", "bto", "bcc", "audience"]), st.lists(ADDRESSEES, max_size=4)),
    st.sampled_from(CEILINGS),
)
def test_no_addressing_is_ever_wider_than_the_source(addressing, ceiling):
    audience = read_by(addressing, ceiling)
    assert ORDER.index(audience.scope) <= ORDER.index(ceiling.scope)
    if audience.scope is Scope.GROUP and ceiling.scope is Scope.GROUP:
        assert set(audience.groups) <= set(ceiling.groups)
