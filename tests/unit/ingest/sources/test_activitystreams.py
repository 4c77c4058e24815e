"""What Activity Streams documents of both versions become."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Audience, Scope, Verb, activity_id
from services.ingest.acceptance import Accepted, accept
from services.ingest.source import MalformedPayload, SourceConfig
from services.ingest.sources.activitystreams import CONNECTOR

NOW_MS = 1_800_000_000_000
CONFIG = SourceConfig(id="apps", kind="activitystreams", instance="apps.example")
COMPANY = SourceConfig(
    id="apps", kind="activitystreams", instance="apps.example", audience=Audience(Scope.INTERNAL), company_ids=True
)
NOTE = {"type": "Note", "id": "https://a.example/n/1", "content": "<p>Hallo</p>", "published": "2024-05-06T07:08:09Z"}
ANNA = {"type": "Person", "id": "anna", "name": "Anna", "preferredUsername": "@anna"}


def mapped(document, config=CONFIG):
    return CONNECTOR.map_payload(json.dumps(document).encode(), config)


def one(document, config=CONFIG):
    result = mapped(document, config)
    assert result.rejections == ()
    (activity,) = result.activities
    assert isinstance(accept(activity, now_ms=NOW_MS), Accepted)
    return activity


def act(kind, about=None, **more):
    return {"type": kind, "actor": "anna", **({} if about is None else {"object": about}), **more}


def test_create_update_and_delete_of_one_note_are_versions_of_one_activity():
    created = one(act("Create", NOTE, id="https://a.example/acts/1"))
    edited = one(act("Update", {**NOTE, "content": "neu", "updated": "2024-05-06T08:00:00Z"}, id="https://a.example/acts/2"))
    deleted = one(act("Delete", NOTE["id"], id="https://a.example/acts/3", published="2024-05-06T09:00:00Z"))
    assert created.id == edited.id == deleted.id == activity_id("activitystreams", "apps.example", NOTE["id"])
    assert created.version < edited.version < deleted.version
    assert (created.verb, edited.verb, deleted.deleted) == (Verb.POST, Verb.POST, True)
    assert edited.object.content == "neu"


def test_an_edit_without_a_time_has_no_version_that_the_create_could_hide():
    assert one(act("Update", NOTE)).version == 0


def test_an_edit_that_only_refers_to_its_object_does_not_empty_it():
    edit = one(act("Update", NOTE["id"], id="https://a.example/acts/2"))
    assert edit.source.native_id == "https://a.example/acts/2"
    assert edit.verb is Verb.UPDATE


def test_an_answer_is_a_comment_on_the_activity_of_what_it_answers():
    comment = one(act("Create", {**NOTE, "id": "https://a.example/n/2", "inReplyTo": {"id": NOTE["id"]}}))
    assert comment.verb is Verb.COMMENT
    assert comment.in_reply_to == one(act("Create", NOTE)).id


@pytest.mark.parametrize(
    ("kind", "verb"),
    [("Like", Verb.LIKE), ("Announce", Verb.SHARE), ("Add", Verb.ADD), ("Offer", Verb.OTHER), ("View", Verb.OTHER)],
)
def test_an_act_on_content_points_to_its_activity(kind, verb):
    activity = one(act(kind, NOTE["id"], id="https://a.example/acts/9"))
    assert activity.verb is verb
    assert activity.source.native_id == "https://a.example/acts/9"
    assert activity.object.activity_id == activity_id("activitystreams", "apps.example", NOTE["id"])


@pytest.mark.parametrize(
    ("kind", "about", "verb", "target"),
    [
        ("Follow", {"type": "Person", "id": "ben"}, Verb.FOLLOW, "person:ben"),
        ("Follow", "ben", Verb.FOLLOW, "person:ben"),
        ("Join", {"type": "Group", "id": "platform"}, Verb.JOIN, "group:platform"),
        ("Leave", "platform", Verb.LEAVE, "group:platform"),
    ],
)
def test_whom_an_act_is_towards_is_its_target(kind, about, verb, target):
    activity = one(act(kind, about), COMPANY)
    assert activity.verb is verb
    assert activity.target is not None
    assert activity.target.name == target


def test_undo_takes_back_the_act_by_its_id_or_by_what_it_was():
    like = one(act("Like", NOTE["id"], id="https://a.example/acts/9"))
    assert one(act("Undo", "https://a.example/acts/9")).id == like.id
    assert one(act("Undo", act("Like", NOTE["id"], id="https://a.example/acts/9"))).id == like.id
    nameless = one(act("Like", NOTE["id"], published="2024-05-06T07:08:09Z"))
    undone = one({"type": "Undo", "actor": "anna", "object": {"type": "Like", "object": NOTE["id"]}})
    assert undone.deleted
    assert undone.id == nameless.id


def test_opposite_verbs_of_version_1_take_back_the_act():
    like = one({"verb": "like", "actor": {"id": "anna", "displayName": "Anna"}, "object": {"id": "n1"}})
    unlike = one({"verb": "unlike", "actor": {"id": "anna"}, "object": {"id": "n1", "displayName": "a note"}})
    assert (like.verb, like.deleted) == (Verb.LIKE, False)
    assert unlike.deleted
    assert unlike.id == like.id


def test_the_same_words_of_two_people_without_ids_are_two_activities():
    ones = [one({"verb": "post", "actor": {"id": who}, "object": {"content": "+1"}}) for who in ("anna", "ben")]
    assert ones[0].id != ones[1].id


def test_the_same_document_twice_is_the_same_activity_without_any_id():
    document = {"type": "Note", "content": "some words"}
    reordered = dict(reversed(document.items()))
    assert one(document) == one(reordered)


def test_version_1_activities_are_read():
    activity = one(
        {
            "published": "2024-05-06T07:08:09Z",
            "verb": "post",
            "actor": {
                "objectType": "person",
                "id": "anna",
                "displayName": "Anna",
                "image": {"url": "https://a.example/anna.png"},
            },
            "object": {
                "objectType": "article",
                "id": "a1",
                "displayName": "Title",
                "content": "Body",
                "url": "https://a.example/a1",
            },
            "target": {"objectType": "blog", "id": "b1", "displayName": "Anna's Blog"},
            "to": [{"objectType": "group", "alias": "@public"}],
        }
    )
    assert activity.actor is not None
    assert (activity.actor.display_name, activity.actor.avatar_url) == ("Anna", "https://a.example/anna.png")
    assert (activity.object.title, activity.object.content, activity.object.type) == ("Title", "Body", "article")
    assert activity.target is not None
    assert activity.target.name == "channel:activitystreams:apps.example:b1"
    assert activity.audience == Audience(Scope.PUBLIC)


def test_a_bare_thing_without_an_author_is_the_channels_post():
    activity = one({"type": "Note", "content": "x"})
    assert activity.actor is not None
    assert activity.actor.name == "channel:apps"
    assert activity.verb is Verb.POST


def test_a_bare_person_is_an_update_of_a_profile():
    activity = one(ANNA)
    assert activity.verb is Verb.UPDATE
    assert activity.actor is not None
    assert (activity.actor.name, activity.actor.handle) == ("person:activitystreams:apps.example:anna", "anna")


def test_a_tombstone_deletes():
    assert one({"type": "Tombstone", "id": NOTE["id"], "deleted": "2024-05-06T07:08:09Z"}).deleted


@pytest.mark.parametrize(
    "envelope",
    [
        lambda items: items,
        lambda items: {"items": items, "totalItems": 2},
        lambda items: {"type": "OrderedCollection", "orderedItems": items},
        lambda items: {"type": "Collection", "totalItems": 2, "first": {"type": "CollectionPage", "items": items}},
        lambda items: {"@graph": items},
    ],
)
def test_every_item_of_a_collection_is_mapped_and_a_broken_one_harms_no_other(envelope):
    result = mapped(envelope([act("Create", NOTE), 7, "https://a.example/n/5"]))
    assert [activity.source.native_id for activity in result.activities] == [NOTE["id"], "https://a.example/n/5"]
    assert [rejection.reason for rejection in result.rejections] == ["item-not-an-object"]


def test_an_empty_collection_is_nothing_and_one_whose_items_are_elsewhere_is_a_thing():
    assert mapped({"type": "Collection", "totalItems": 0, "items": []}).activities == ()
    assert one({"type": "Collection", "id": "c", "totalItems": 3, "first": "https://a.example/c?p=1"}).object.type == "collection"


ACTS = (
    *(
        "Accept",
        "Add",
        "Announce",
        "Arrive",
        "Block",
        "Create",
        "Delete",
        "Dislike",
        "Flag",
        "Follow",
        "Ignore",
        "Invite",
        "Join",
    ),
    *(
        "Leave",
        "Like",
        "Listen",
        "Move",
        "Offer",
        "Read",
        "Reject",
        "Remove",
        "TentativeAccept",
        "TentativeReject",
        "Travel",
        "Undo",
    ),
    *("Update", "View", "Activity", "IntransitiveActivity", "https://x.example/ns#Wave"),
)
THINGS = (
    *(
        "Article",
        "Audio",
        "Document",
        "Event",
        "Image",
        "Link",
        "Mention",
        "Note",
        "Object",
        "Page",
        "Place",
        "Profile",
        "Question",
    ),
    *(
        "Relationship",
        "Tombstone",
        "Video",
        "Application",
        "Group",
        "Organization",
        "Person",
        "Service",
        "https://x.example/ns#Thing",
    ),
)
ABOUT = ("https://a.example/1", {"type": "Note", "name": "x"}, act("Offer", "y", target="z"), {"type": "Person", "name": "Ben"})


@pytest.mark.parametrize("kind", ACTS)
@pytest.mark.parametrize("about", ABOUT, ids=["address", "thing", "act", "person"])
@pytest.mark.parametrize("actor", ["https://a.example/anna", {"type": "Person", "name": "Anna"}, [ANNA, "ben"], None])
def test_every_type_of_act_becomes_an_activity_that_is_accepted(kind, about, actor):
    one(
        {
            "type": kind,
            "summary": "Somebody did it",
            "actor": actor,
            "object": about,
            "target": {"type": "Collection", "name": "c"},
        }
    )


@pytest.mark.parametrize("kind", THINGS)
@pytest.mark.parametrize("addressing", [{}, {"to": "ben"}, {"audience": {"type": "https://x.example/ns#Team", "name": "t"}}])
def test_every_type_of_thing_becomes_an_activity_that_is_accepted(kind, addressing):
    one({"type": kind, "name": "A thing", "href": "https://a.example/", **addressing})
    one({"objectType": kind.lower(), "displayName": "A thing", **addressing})


def test_a_link_to_a_page_is_no_item():
    page = {"type": "Link", "href": "https://a.example/c?p=1"}
    assert len(mapped({"type": "Collection", "totalItems": 1, "first": page, "items": [NOTE]}).activities) == 1


def test_json_ld_spellings_mean_the_same():
    plain = one({"type": "Note", "id": "n1", "content": "x", "attributedTo": "anna"})
    aliased = one(
        {
            "@context": [
                {
                    "as": "https://www.w3.org/ns/activitystreams#",
                    "text": "as:content",
                    "kind": "@type",
                    "who": {"@id": "as:attributedTo"},
                }
            ],
            "kind": "as:Note",
            "@id": "n1",
            "text": {"@value": "x"},
            "who": {"@id": "anna"},
        }
    )
    assert aliased == plain


def test_texts_in_several_languages_name_one_and_plain_text_is_escaped():
    activity = one({"type": "Note", "id": "n", "contentMap": {"de": "Hallo <b>"}})
    assert (activity.object.content, activity.language) == ("Hallo <b>", "de")
    assert one({"type": "Note", "id": "n", "content": "1 < 2", "mediaType": "text/plain"}).object.content == "1 &lt; 2"


def test_tags_mentions_and_media_are_found():
    activity = one(
        {
            "type": "Image",
            "id": "i",
            "url": [{"type": "Link", "href": "https://a.example/i.png", "mediaType": "image/png"}],
            "tag": [
                {"type": "Hashtag", "name": "#kafka"},
                {"type": "Mention", "href": "https://a.example/ben", "name": "@ben"},
            ],
            "attachment": {"type": "Document", "url": "https://a.example/f.pdf", "mediaType": "application/pdf", "name": "f"},
        }
    )
    assert [attachment.media_type for attachment in activity.object.attachments] == ["application/pdf", "image/png"]
    assert [mention.name for mention in activity.mentions] == ["person:activitystreams:apps.example:https://a.example/ben"]
    assert activity.tags == ("#kafka",)


def test_an_act_on_several_objects_is_several_activities():
    result = mapped(act("Like", ["n1", {"id": "n2"}], id="l"))
    assert len({activity.id for activity in result.activities}) == 2


def test_a_question_and_an_intransitive_act_are_mapped():
    assert one({"type": "Question", "name": "Kaffee?", "oneOf": [{"name": "ja"}]}).object.title == "Kaffee?"
    assert (
        one({"type": "Travel", "actor": ANNA, "target": {"type": "Place", "name": "Work"}, "summary": "Anna went"}).verb
        is Verb.OTHER
    )


def test_what_says_nothing_is_rejected_item_by_item():
    for empty in ({}, {"foo": 1}, {"type": "Delete", "actor": "anna"}):
        assert [rejection.reason for rejection in mapped(empty).rejections] == ["item-empty"]


def test_long_ids_and_names_are_kept_by_their_hash():
    activity = one({"type": "Note", "id": "n" * 5000, "attributedTo": "a" * 5000})
    assert len(activity.source.native_id) < 1024
    assert activity.actor is not None
    assert len(activity.actor.name) <= 512


def test_nesting_a_thousand_deep_is_malformed_and_no_crash():
    document = '{"type":"Undo","object":' * 1000 + "1" + "}" * 1000
    with pytest.raises(MalformedPayload):
        CONNECTOR.map_payload(document.encode(), CONFIG)
    inside_bounds = '{"type":"Create","object":' * 98 + '"n1"' + "}" * 98
    assert len(CONNECTOR.map_payload(inside_bounds.encode(), CONFIG).activities) == 1


KEYS = st.sampled_from(
    [
        *(
            "type",
            "@type",
            "objectType",
            "verb",
            "id",
            "@id",
            "url",
            "href",
            "actor",
            "object",
            "target",
            "items",
            "orderedItems",
        ),
        *(
            "first",
            "to",
            "cc",
            "audience",
            "inReplyTo",
            "content",
            "contentMap",
            "name",
            "nameMap",
            "displayName",
            "summary",
            "tag",
        ),
        *("tags", "attachment", "image", "published", "updated", "attributedTo", "author", "@context", "@graph", "alias"),
        *("mediaType", "formerType", "context", "@list", "@value", "totalItems"),
    ]
)
KINDS = [
    "Create",
    "Update",
    "Delete",
    "Undo",
    "Like",
    "unlike",
    "Note",
    "Person",
    "Group",
    "Collection",
    "Link",
    "Mention",
    "post",
]
OTHERS = ["as:Public", "@public", "Tombstone", "2024-05-06T07:08:09Z", "https://[", "as:", "x"]
TEXTS = st.one_of(st.sampled_from(KINDS + OTHERS), st.text(max_size=8))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(KEYS, TEXTS), inner, max_size=8)),
    max_leaves=25,
)


@given(DOCUMENTS)
def test_any_json_is_mapped_or_named_and_its_activities_are_accepted_or_named(document):
    """Nothing but MalformedPayload leaves the mapping, whatever stands where; mapping again gives the same."""
    payload = json.dumps(document).encode()
    try:
        result = CONNECTOR.map_payload(payload, CONFIG)
    except MalformedPayload:
        return
    assert result == CONNECTOR.map_payload(payload, CONFIG)
    for activity in result.activities:
        accept(activity, now_ms=NOW_MS)
        assert activity.deleted or activity.audience.scope is not Scope.UNSPECIFIED


@given(st.binary(max_size=200))
def test_any_bytes_are_mapped_or_malformed(payload):
    """Whatever the bytes are, MalformedPayload is all that may leave the mapping."""
    with contextlib.suppress(MalformedPayload):
        CONNECTOR.map_payload(payload, CONFIG)
