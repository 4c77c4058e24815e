"""What stories of Connections' activity stream become."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Audience, Scope, Verb, activity_id
from services.ingest.acceptance import Accepted, accept
from services.ingest.source import MalformedPayload, SourceConfig
from services.ingest.sources.hcl_connections import CONNECTOR

NOW_MS = 1_800_000_000_000
CONFIG = SourceConfig(id="conn", kind="hcl-connections", instance="c.example", company_ids=True)
PERSON = "urn:lsid:lconn.ibm.com:profiles.person:"
COMMUNITY = "urn:lsid:lconn.ibm.com:communities.community:"
ENTRY = "urn:lsid:lconn.ibm.com:blogs.entry:e1"
CARD = (
    '<span class="vcard"><a class="fn url" title="Open" href="https://c.example/p?userid=anna-1">Anna A</a>'
    '<span class="x-lconn-userid" style="display : none">anna-1</span></span>'
)


def story(verb="post", *, public="true", about=None, connections=None, **more):
    return {
        "id": "urn:lsid:lconn.ibm.com:blogs.story:s1",
        "verb": verb,
        "published": "2024-05-06T07:08:09.100Z",
        "updated": "2024-05-06T07:08:09.200Z",
        "title": f"{CARD} created a blog entry.",
        "actor": {"objectType": "person", "id": f"{PERSON}anna-1", "displayName": "Anna A"},
        "object": {"objectType": "article", "id": ENTRY, "displayName": "Plan", "summary": "<p>Der Plan</p>", **(about or {})},
        "connections": {"rollupid": ENTRY, **({"isPublic": public} if public else {}), **(connections or {})},
        **more,
    }


def mapped(*stories, config=CONFIG):
    payload = {"startIndex": 0, "totalResults": -1, "list": list(stories)}
    return CONNECTOR.map_payload(json.dumps(payload).encode(), config)


def one(document, config=CONFIG):
    result = mapped(document, config=config)
    assert result.rejections == ()
    (activity,) = result.activities
    assert isinstance(accept(activity, now_ms=NOW_MS), Accepted)
    return activity


def test_a_story_is_read_whole():
    activity = one(story(about={"tags": [{"objectType": "tag", "displayName": "plan"}], "url": "https://c.example/e1"}))
    assert activity.verb is Verb.POST
    assert activity.actor is not None
    assert (activity.actor.name, activity.actor.display_name) == ("person:anna-1", "Anna A")
    assert (activity.object.title, activity.object.content, activity.object.url) == (
        "Plan",
        "<p>Der Plan</p>",
        "https://c.example/e1",
    )
    assert (activity.version, activity.published_ms) == (1_714_979_289_200, 1_714_979_289_100)
    assert (activity.tags, activity.rollup_id) == (("plan",), ENTRY)


@pytest.mark.parametrize(
    "envelope", [lambda s: {"list": [s]}, lambda s: {"entry": s}, lambda s: s, lambda s: [s], lambda s: {"entry": [s]}]
)
def test_every_envelope_is_read(envelope):
    assert len(CONNECTOR.map_payload(json.dumps(envelope(story())).encode(), CONFIG).activities) == 1


def test_an_empty_list_is_nothing_and_an_error_is_named():
    assert mapped().activities == ()
    for body, reason in (({"error": {"code": 500}}, "error-response"), ({"a": 1}, "unknown-document"), (7, "unknown-document")):
        with pytest.raises(MalformedPayload) as caught:
            CONNECTOR.map_payload(json.dumps(body).encode(), CONFIG)
        assert caught.value.reason == reason


def test_create_edit_and_delete_of_one_entry_are_versions_of_one_activity():
    created = one(story())
    edited = one(
        story(
            "update",
            updated="2024-05-06T08:00:00Z",
            id="s2",
            actor={"id": f"{PERSON}ben-1"},
            about={"author": {"id": f"{PERSON}anna-1"}},
        )
    )
    deleted = one(story("delete", updated="2024-05-06T09:00:00Z", id="s3"))
    assert created.id == edited.id == deleted.id == activity_id("hcl-connections", "c.example", ENTRY)
    assert created.version < edited.version < deleted.version
    assert edited.verb is Verb.POST
    assert edited.actor is not None
    assert edited.actor.name == "person:anna-1"
    assert deleted.deleted


@pytest.mark.parametrize(
    ("verb", "expected"),
    [("like", Verb.LIKE), ("recommend", Verb.LIKE), ("share", Verb.SHARE), ("tag", Verb.OTHER), ("complete", Verb.OTHER)],
)
def test_an_act_on_an_entry_is_its_own_activity_and_points_to_the_entrys(verb, expected):
    activity = one(story(verb))
    assert activity.verb is expected
    assert activity.source.native_id == "urn:lsid:lconn.ibm.com:blogs.story:s1"
    assert activity.object.activity_id == one(story()).id


def test_a_comment_answers_its_target():
    comment = one(
        story(
            about={"objectType": "comment", "id": "urn:lsid:lconn.ibm.com:blogs.comment:c1"},
            target={"id": ENTRY, "objectType": "article"},
        )
    )
    assert comment.verb is Verb.COMMENT
    assert comment.in_reply_to == one(story()).id
    assert comment.source.native_id == "urn:lsid:lconn.ibm.com:blogs.comment:c1"


def test_a_comments_story_that_shows_the_entry_does_not_overwrite_the_entry():
    shown = story("post", openSocial={"embed": {"context": {"eventType": "blog.entry.comment.created"}}})
    activity = one(shown)
    assert activity.verb is Verb.COMMENT
    assert activity.id != one(story()).id
    assert activity.in_reply_to == one(story()).id


def test_comments_inside_a_story_are_mapped_with_its_readers():
    reply = {
        "id": "urn:lsid:lconn.ibm.com:blogs.comment:c9",
        "content": "gut",
        "author": {"id": f"{PERSON}ben-1"},
        "updated": "2024-05-06T07:09:00Z",
    }
    activities = mapped(
        story(public="false", connections={"communityid": "k1"}, about={"replies": {"items": [reply, {"id": "x"}, 7]}})
    ).activities
    assert [activity.verb for activity in activities] == [Verb.POST, Verb.COMMENT]
    assert activities[1].audience == activities[0].audience == Audience(Scope.GROUP, groups=("group:k1",))
    assert activities[1].in_reply_to == activities[0].id


def test_a_profiles_update_is_its_own_activity():
    activity = one(story("update", about={"objectType": "person", "id": f"{PERSON}anna-1"}))
    assert activity.verb is Verb.UPDATE
    assert activity.source.native_id == "urn:lsid:lconn.ibm.com:blogs.story:s1"


def test_titles_lose_their_markup_and_invisible_ids():
    bare = story(about={"summary": "", "displayName": ""})
    assert one(bare).object.content == "Anna A created a blog entry."
    mention = one(story(about={"summary": f"<p>frag {CARD}</p>"}))
    assert ">anna-1<" not in mention.object.content
    assert [(who.name, who.display_name) for who in mention.mentions] == [("person:anna-1", "Anna A")]


@pytest.mark.parametrize(
    ("document", "audience"),
    [
        (story(), Audience(Scope.INTERNAL)),
        (story(public=True, connections={"communityid": f"{COMMUNITY}k1"}), Audience(Scope.INTERNAL)),
        (story(public="false", connections={"communityid": f"{COMMUNITY}k1"}), Audience(Scope.GROUP, groups=("group:k1",))),
        (story(public=None, connections={"communityid": "k1"}), Audience(Scope.GROUP, groups=("group:k1",))),
        (
            story(public=None, target={"objectType": "community", "id": f"{COMMUNITY}k2"}),
            Audience(Scope.GROUP, groups=("group:k2",)),
        ),
        (
            story(public="true", connections={"communityid": "k1", "communityType": "private"}),
            Audience(Scope.GROUP, groups=("group:k1",)),
        ),
        (story(connections={"visibility": "private"}), Audience(Scope.DIRECT, recipients=("person:anna-1",))),
        (story(public="false"), Audience(Scope.DIRECT, recipients=("person:anna-1",))),
        (
            story(public="false", to=[{"id": f"{PERSON}ben-1"}]),
            Audience(Scope.DIRECT, recipients=("person:ben-1", "person:anna-1")),
        ),
        (story(public=None), Audience(Scope.INTERNAL)),
        (
            story(public="false", connections={"communityid": "k1"}, to=[{"objectType": "community", "id": f"{COMMUNITY}k9"}]),
            Audience(Scope.GROUP, groups=("group:k1",)),
        ),
    ],
)
def test_who_may_read_a_story(document, audience):
    (activity,) = mapped(document).activities
    accepted = accept(activity, now_ms=NOW_MS)
    assert isinstance(accepted, Accepted)
    assert accepted.activity.audience == audience


def test_public_is_everybody_only_for_an_installation_that_faces_outwards():
    outward = SourceConfig(id="conn", kind="hcl-connections", instance="c.example", options={"external": True})
    assert one(story(), outward).audience == Audience(Scope.PUBLIC)
    narrow = SourceConfig(
        id="conn",
        kind="hcl-connections",
        audience=Audience(Scope.GROUP, groups=("group:g",)),
        instance="c.example",
        options={"external": True},
    )
    assert one(story(), narrow).audience == Audience(Scope.GROUP, groups=("group:g",))


def test_a_community_is_the_target_and_else_the_container():
    assert one(story(connections={"communityid": "k1", "containerName": "Kafka"})).target.name == "group:k1"
    assert (
        one(story(connections={"containerId": "b1", "containerName": "Blog"})).target.name
        == "channel:hcl-connections:c.example:b1"
    )
    assert one(story("follow", about={"objectType": "person", "id": f"{PERSON}ben-1"})).target.name == "person:ben-1"


def test_a_story_that_names_nothing_is_rejected_alone():
    result = mapped({"verb": "post"}, story(), 7)
    assert len(result.activities) == 1
    assert [rejection.reason for rejection in result.rejections] == ["story-without-id"] * 2


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.text(max_size=6),
        st.sampled_from([ENTRY, f"{PERSON}a", f"{COMMUNITY}k", "delete"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["id", "items", "displayName", "embed", "context"]), inner, max_size=3),
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from([*story(), "target", "to", "openSocial", "content"]), VALUES),
    st.dictionaries(st.sampled_from(["id", "objectType", "replies", "tags", "author", "inReplyTo", "summary"]), VALUES),
)
def test_wrong_types_anywhere_are_mapped_or_named(changes, about):
    """Whatever stands in the place of a field, nothing but MalformedPayload leaves the mapping, and nothing becomes PUBLIC."""
    with contextlib.suppress(MalformedPayload):
        for activity in mapped({**story(about=about), **changes}).activities:
            accept(activity, now_ms=NOW_MS)
            assert activity.audience.scope is not Scope.PUBLIC
