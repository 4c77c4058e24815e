import contextlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Attachment, Audience, ReportedTotals, Scope, Verb, activity_id
from services.ingest.acceptance import Accepted, accept
from services.ingest.source import MalformedPayload, SourceConfig
from services.ingest.sources.mastodon import CONNECTOR
from tests.unit.ingest.sources.mastodon_documents import (
    ANNOUNCEMENT,
    EDITS,
    GROUPS,
    POLL,
    RELATIONSHIP,
    account,
    notification,
    status,
)

CONFIG = SourceConfig(id="masto", kind="mastodon", url="https://social.example", instance="social.example")
INTERNAL = replace(CONFIG, audience=Audience(Scope.INTERNAL))
ANNA, BEN = "person:mastodon:social.example:anna@social.example", "person:mastodon:social.example:ben@far.example"
NATIVE = "112000000000000001"


def mapped(document, config=CONFIG):
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    return CONNECTOR.map_payload(payload, config)


def only(document, config=CONFIG):
    result = mapped(document, config)
    assert result.rejections == ()
    (activity,) = result.activities
    return activity


def test_a_status_is_a_post_by_its_author():
    post = only(status(tags=[{"name": "Kaffee"}], spoiler_text="Vorsicht"))
    assert (post.verb, post.source.native_id, post.source.channel) == (Verb.POST, NATIVE, "channel:masto")
    assert (post.actor.name, post.actor.display_name, post.actor.handle) == (ANNA, "Anna", "anna@social.example")
    assert (post.object.title, post.object.content, post.object.type) == ("Vorsicht", "<p>Guten Morgen</p>", "note")
    assert (post.object.id, post.object.url) == (
        f"https://social.example/users/anna/statuses/{NATIVE}",
        f"https://social.example/@anna/{NATIVE}",
    )
    assert (post.published_ms, post.version, post.updated_ms) == (1_772_438_400_000, 1_772_438_400_000, 0)
    assert (post.tags, post.language, post.audience) == (("Kaffee",), "de", Audience(Scope.PUBLIC))


def test_how_a_status_does_at_its_instance_is_reported():
    """Its own numbers, apart from what is observed; one that has just been written has none."""
    counted = only(status(favourites_count=5, reblogs_count=2, replies_count=1))
    assert counted.reported == ReportedTotals(likes=5, shares=2, comments=1)
    assert only(status(favourites_count=0, reblogs_count=0, replies_count=0)).reported is None
    assert only(status(favourites_count="many", reblogs_count=-3, replies_count=None)).reported is None


def test_an_edit_is_a_later_version_of_the_same_activity():
    post, edit = only(status()), only(status(edited_at="2026-03-02T08:30:00.000Z"))
    assert edit.source == post.source
    assert edit.version == edit.updated_ms == 1_772_440_200_000
    assert edit.version > post.version


def test_a_card_that_appears_later_changes_nothing():
    """It would be another content under the same version."""
    assert only(status(card={"url": "https://a.example", "title": "T"})) == only(status())


def test_votes_do_not_change_a_poll():
    voted = POLL | {"votes_count": 9, "options": [option | {"votes_count": 5} for option in POLL["options"]]}
    assert only(status(poll=POLL)) == only(status(poll=voted))
    assert only(status(poll=POLL)).object.type == "question"
    assert "<li>Tee &amp; Kaffee</li><li>Wasser</li>" in only(status(poll=POLL)).object.content


def test_a_reply_is_a_comment_on_what_it_answers():
    reply = only(status(in_reply_to_id="456"))
    assert (reply.verb, reply.in_reply_to) == (Verb.COMMENT, activity_id("mastodon", "social.example", "456"))


def test_a_boost_shares_the_boosted_status():
    boost = only(status("900", content="", account=account("ben@far.example"), reblog=status()))
    assert (boost.verb, boost.source.native_id, boost.actor.name) == (Verb.SHARE, "900", BEN)
    assert boost.object.activity_id == only(status()).source.activity_id
    assert boost.object.content == "<p>Guten Morgen</p>"


def test_a_boost_of_an_edited_status_is_a_later_version():
    boost = only(status("900", reblog=status(edited_at="2026-03-05T00:00:00Z")))
    assert boost.version > only(status("900", reblog=status())).version


def test_media_keep_the_address_of_their_origin():
    """The instance's copy comes and goes; with its address the same status would have two contents."""
    media = [
        {"type": "image", "url": "https://cache.example/1.jpg", "remote_url": "https://far.example/1.jpg", "description": "Alt"}
    ]
    assert only(status(media_attachments=media)).object.attachments == (
        Attachment("https://far.example/1.jpg", "image/jpeg", "Alt"),
    )


def test_mentions_are_people_of_the_fediverse():
    found = only(status(mentions=[{"acct": "Ben@Far.Example", "username": "ben"}, {"acct": "cleo"}])).mentions
    assert [entity.name for entity in found] == [BEN, "person:mastodon:social.example:cleo@social.example"]


@pytest.mark.parametrize(
    ("visibility", "config", "expected"),
    [
        ("public", CONFIG, Audience(Scope.PUBLIC)),
        ("unlisted", CONFIG, Audience(Scope.PUBLIC)),
        ("public", INTERNAL, Audience(Scope.INTERNAL)),
        ("private", CONFIG, Audience(Scope.DIRECT, recipients=(ANNA,))),
        ("private", INTERNAL, Audience(Scope.DIRECT, recipients=(ANNA,))),
        ("direct", CONFIG, Audience(Scope.DIRECT, recipients=tuple(sorted((ANNA, BEN))))),
        ("limited", CONFIG, Audience(Scope.DIRECT, recipients=(ANNA,))),
        (None, CONFIG, Audience(Scope.DIRECT, recipients=(ANNA,))),
        ("private", replace(CONFIG, options={"followers_only": "audience"}), Audience(Scope.INTERNAL)),
        (
            "direct",
            replace(CONFIG, audience=Audience(Scope.DIRECT, recipients=("person:x",))),
            Audience(Scope.DIRECT, recipients=(ANNA,)),
        ),
    ],
)
def test_nobody_reads_more_than_the_author_chose(visibility, config, expected):
    """What isn't known is closed, and no visibility is wider than the source is configured for."""
    post = only(status(visibility=visibility, mentions=[{"acct": "ben@far.example"}]), config)
    assert replace(post.audience, recipients=tuple(sorted(post.audience.recipients))) == expected


@pytest.mark.parametrize("visibility", ["private", "direct", "secret"])
def test_a_boost_never_opens_what_it_boosts(visibility):
    boost = only(status("900", reblog=status(visibility=visibility)))
    assert boost.audience.scope == Scope.DIRECT


def test_a_status_without_author_is_left_to_acceptance():
    refused = accept(only(status(account=None)), now_ms=1_800_000_000_000)
    assert refused.reason == "actor-missing"


@pytest.mark.parametrize("kind", ["mention", "status", "update", "poll", "quote"])
def test_a_notification_about_a_status_is_the_status(kind):
    assert only(notification(kind, status=status())) == only(status())


@pytest.mark.parametrize(("kind", "verb"), [("favourite", Verb.LIKE), ("reblog", Verb.SHARE)])
def test_a_notification_of_an_act_is_that_act_on_the_status(kind, verb):
    act = only(notification(kind, status=status()))
    assert (act.verb, act.actor.name, act.published_ms) == (verb, BEN, 1_772_442_000_000)
    assert act.object.activity_id == only(status()).source.activity_id
    assert act.object.content == ""


def test_a_like_of_a_private_status_is_as_private():
    assert only(notification("favourite", status=status(visibility="private"))).audience == Audience(
        Scope.DIRECT, recipients=(ANNA,)
    )


def test_a_follow_is_by_the_follower_of_the_own_account():
    follow = only(notification("follow"), replace(CONFIG, options={"account": "anna"}))
    assert (follow.verb, follow.actor.name, follow.object.id) == (Verb.FOLLOW, BEN, ANNA)


@pytest.mark.parametrize(
    "kind", ["follow_request", "admin.report", "admin.sign_up", "moderation_warning", "severed_relationships"]
)
def test_what_concerns_only_the_own_account_is_for_nobody_else(kind):
    audience = only(notification(kind), replace(CONFIG, options={"account": "anna"})).audience
    assert audience.scope == Scope.DIRECT
    assert set(audience.recipients) <= {ANNA, BEN}


def test_grouped_notifications_are_one_act_for_each_account():
    """The same act has the same id as in a single notification."""
    found = mapped(GROUPS).activities
    assert [(act.verb, act.actor.handle) for act in found] == [
        (Verb.LIKE, "ben@far.example"),
        (Verb.LIKE, "dan@social.example"),
        (Verb.FOLLOW, "cleo@social.example"),
    ]
    single = only(notification("favourite", account=account("ben@far.example", id="1"), status=status()))
    assert found[0].source == single.source


def test_a_notification_without_its_status_is_a_rejection():
    assert [rejection.reason for rejection in mapped(notification("favourite")).rejections] == ["status-missing"]


def test_a_history_is_versions_of_one_status_for_its_author_alone():
    """It names neither the status nor who may read it."""
    first, second = mapped(EDITS).activities
    assert first.source == second.source
    assert (first.version, second.version) == (1_772_438_400_000, 1_772_438_700_000)
    assert second.audience == Audience(Scope.DIRECT, recipients=(ANNA,))
    assert second.published_ms == first.published_ms


def test_a_relationship_is_a_follow_or_its_end():
    follow, end = only(RELATIONSHIP), only(RELATIONSHIP | {"following": False})
    assert (follow.verb, follow.object.id, end.deleted) == (Verb.FOLLOW, "55", True)
    assert follow.source == end.source


def test_a_profile_is_an_update_of_a_person():
    profile = only(account())
    assert (profile.verb, profile.object.type, profile.object.content) == (Verb.UPDATE, "person", "<p>Synthetic</p>")
    assert only(account(followers_count=7)) == profile


def test_a_poll_alone_is_readable_by_the_own_account_only():
    """Whoever may see it isn't told."""
    assert only(POLL).audience == Audience(Scope.DIRECT, recipients=("person:mastodon:social.example:self",))


@pytest.mark.parametrize(
    "document",
    [
        [status()],
        {"ancestors": [status()], "descendants": []},
        {"statuses": [status()], "accounts": [], "hashtags": [{"name": "a", "url": "https://social.example/tags/a"}]},
        {"id": "1", "unread": True, "accounts": [account()], "last_status": status()},
        {"event": "update", "payload": json.dumps(status()), "stream": ["public"]},
        {"event": "status.update", "payload": status()},
        [{"event": "update", "payload": json.dumps(status())}, {"event": "filters_changed", "payload": None}],
        {"event": "notification", "payload": json.dumps(notification("mention", status=status()))},
        b":thump\nevent: update\ndata: " + json.dumps(status()).encode() + b"\n\n:thump\n",
        b"data: " + json.dumps(status()).encode() + b"\r\nevent: update",
        b"\xef\xbb\xbf" + json.dumps(status()).encode(),
    ],
)
def test_a_status_is_the_same_whichever_way_it_comes(document):
    assert only(document) == only(status())


def test_a_deletion_is_a_marker_under_the_id_of_the_status():
    for document in (
        {"event": "delete", "payload": NATIVE},
        f"event: delete\ndata: {NATIVE}\n\n".encode(),
        {"event": "delete", "payload": 112000000000000001},
    ):
        marker = only(document)
        assert (marker.deleted, marker.version) == (True, 0)
        assert marker.source.activity_id == only(status()).source.activity_id


def test_whoever_deletes_gets_the_status_back_and_that_is_a_deletion():
    returned = status(text="Guten Morgen")
    del returned["content"]
    assert only(returned).deleted


def test_an_announcement_is_by_the_channel():
    assert (only(ANNOUNCEMENT).actor.name, only(ANNOUNCEMENT).verb) == ("channel:masto", Verb.POST)
    assert only({"event": "announcement", "payload": json.dumps(ANNOUNCEMENT)}) == only(ANNOUNCEMENT)


@pytest.mark.parametrize("event", ["filters_changed", "notifications_merged", "announcement.reaction"])
def test_events_that_are_nobodys_act_say_nothing(event):
    result = mapped({"event": event, "payload": "{}"})
    assert (result.activities, result.rejections) == ((), ())


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"error": "Record not found"}, "api-error"),
        ({"id": "1", "scheduled_at": "2030-01-01T00:00:00Z", "params": {"text": "Bald", "visibility": "public"}}, "no-activity"),
        ({"uri": "social.example", "title": "Instance"}, "no-activity"),
        ({"id": "1", "text": "source", "spoiler_text": ""}, "no-activity"),
        ({"event": "surprise", "payload": "1"}, "unknown-event"),
        ({"event": "update", "payload": "{"}, "json-malformed"),
        (["text"], "unknown-entity"),
    ],
)
def test_what_is_no_act_is_rejected_by_name(document, reason):
    result = mapped(document)
    assert result.activities == ()
    assert [rejection.reason for rejection in result.rejections] == [reason]


@pytest.mark.parametrize("payload", [b"", b"{", b"<html>", b"3", b'"text"', b"\xff\xfe\xff", b"null"])
def test_what_is_neither_json_nor_events_is_malformed(payload):
    with pytest.raises(MalformedPayload):
        mapped(payload)


DOCUMENTS = [
    status(), status("900", reblog=status(poll=POLL)), notification("favourite", status=status()), notification("follow"), GROUPS, EDITS,
    RELATIONSHIP, POLL, ANNOUNCEMENT, account(), {"event": "update", "payload": json.dumps(status())},
]  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS)
def test_everything_mapped_is_acceptable(document):
    for activity in mapped(document).activities:
        assert isinstance(accept(activity, now_ms=1_800_000_000_000), Accepted)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_mapping(payload):
    with contextlib.suppress(MalformedPayload):
        mapped(payload)


@given(st.binary(max_size=200), st.sampled_from([b"event: update\ndata: ", b":", b"event: delete\ndata:"]))
def test_no_event_text_crashes_the_mapping(payload, start):
    with contextlib.suppress(MalformedPayload):
        mapped(start + payload)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _paths(node, path=()):
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from _paths(child, (*path, key))


@given(st.data())
def test_no_type_of_value_crashes_the_mapping(data):
    """Every field of every document may hold anything, or be missing."""
    document = json.loads(json.dumps(data.draw(st.sampled_from(DOCUMENTS))))
    for _ in range(data.draw(st.integers(1, 3))):
        paths = [path for path in _paths(document) if path]
        if not paths:
            break
        path = data.draw(st.sampled_from(paths))
        node = document
        for key in path[:-1]:
            node = node[key]
        if data.draw(st.booleans()):
            node[path[-1]] = data.draw(ANYTHING)
        else:
            del node[path[-1]]
    with contextlib.suppress(MalformedPayload):
        for activity in mapped(document).activities:
            accept(activity, now_ms=1_800_000_000_000)
