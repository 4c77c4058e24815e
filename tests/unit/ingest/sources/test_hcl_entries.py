"""What Atom documents of Connections' applications become."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Audience, Scope, Verb, activity_id
from services.ingest.acceptance import Accepted, accept
from services.ingest.source import MalformedPayload, SourceConfig
from services.ingest.sources.hcl_connections import CONNECTOR

NOW_MS = 1_800_000_000_000
CONFIG = SourceConfig(id="conn", kind="hcl-connections", instance="c.example", company_ids=True)
SPACES = (
    'xmlns="http://www.w3.org/2005/Atom" xmlns:snx="http://www.ibm.com/xmlns/prod/sn" xmlns:td="urn:ibm.com/td" '
    'xmlns:app="http://www.w3.org/2007/app" xmlns:thr="http://purl.org/syndication/thread/1.0" '
    'xmlns:at="http://purl.org/atompub/tombstones/1.0"'
)
AUTHOR = "<author><name>Anna A</name><snx:userid>anna-1</snx:userid><email>a@c.example</email></author>"
TIMES = "<published>2024-05-06T07:08:09.100Z</published><updated>2024-05-06T07:08:09.200Z</updated>"


def entry(kind="forum-topic", inner="", *, native="urn:lsid:ibm.com:forum:t1", author=AUTHOR):
    category = f'<category term="{kind}" scheme="http://www.ibm.com/xmlns/prod/sn/type"/>' if kind else ""
    return f'<entry {SPACES}><id>{native}</id><title type="text">Titel</title>{category}{author}{TIMES}{inner}</entry>'


def mapped(text):
    return CONNECTOR.map_payload(text.encode(), CONFIG)


def one(text):
    result = mapped(text)
    assert result.rejections == ()
    (activity,) = result.activities
    accepted = accept(activity, now_ms=NOW_MS)
    assert isinstance(accepted, Accepted)
    return accepted.activity


def test_an_entry_is_read_whole():
    activity = one(
        entry(
            inner='<content type="html">&lt;b&gt;Text&lt;/b&gt;</content><category term="kafka"/>'
            '<link rel="alternate" href="https://c.example/t1"/>'
            '<link rel="enclosure" href="https://c.example/f" type="text/plain" title="f"/>'
        )
    )
    assert activity.verb is Verb.POST
    assert activity.actor is not None
    assert (activity.actor.name, activity.actor.display_name) == ("person:anna-1", "Anna A")
    assert (activity.object.title, activity.object.content, activity.object.url) == (
        "Titel",
        "<b>Text</b>",
        "https://c.example/t1",
    )
    assert (activity.version, activity.published_ms, activity.tags) == (1_714_979_289_200, 1_714_979_289_100, ("kafka",))
    assert [attachment.url for attachment in activity.object.attachments] == ["https://c.example/f"]


@pytest.mark.parametrize("kind", ["forum-reply", "comment", ""])
def test_answers_are_comments(kind):
    activity = one(entry(kind, '<thr:in-reply-to ref="urn:lsid:ibm.com:forum:t0"/>'))
    assert activity.verb is Verb.COMMENT
    assert activity.in_reply_to == activity_id("hcl-connections", "c.example", "urn:lsid:ibm.com:forum:t0")


def test_a_topic_is_no_comment_on_its_forum():
    activity = one(entry("forum-topic", '<thr:in-reply-to ref="urn:lsid:ibm.com:forum:f0"/>'))
    assert (activity.verb, activity.in_reply_to) == (Verb.POST, "")
    assert activity.target is not None
    assert activity.target.name == "channel:hcl-connections:c.example:f0"


def recommendation(thing):
    path = f"https://c.example/blogs/roller-ui/rendering/api/b/api/recommend/entries/{thing}/anna-1"
    return entry("person", f'<link rel="self" href="{path}"/>', native="urn:lsid:ibm.com:blogs:person-anna-1")


def test_one_persons_recommendations_are_as_many_likes():
    likes = [one(recommendation(thing)) for thing in ("e1", "e2")]
    assert [like.verb for like in likes] == [Verb.LIKE, Verb.LIKE]
    assert likes[0].id != likes[1].id
    assert likes[0].object.activity_id == activity_id("hcl-connections", "c.example", "urn:lsid:ibm.com:blogs:entry-e1")


def follow(user):
    author = f"<author><name>x</name><snx:userid>{user}</snx:userid></author>"
    inner = (
        '<category term="community" scheme="http://www.ibm.com/xmlns/prod/sn/resource-type"/>'
        '<category term="k1" scheme="http://www.ibm.com/xmlns/prod/sn/resource-id"/>'
        '<link rel="related" href="https://c.example/communities?communityUuid=k1"/>'
    )
    return entry("resource-follow", inner, native="urn:lsid:ibm.com:follow:resource-k1", author=author)


def test_followers_of_one_thing_are_as_many_activities_on_it():
    follows = [one(follow(user)) for user in ("anna-1", "ben-1")]
    assert follows[0].id != follows[1].id
    assert follows[0].verb is Verb.FOLLOW
    assert follows[0].target is not None
    assert follows[0].target.name == "group:k1"
    assert follows[0].audience == Audience(Scope.GROUP, groups=("group:k1",))


def test_members_join_and_profiles_are_updated():
    assert one(entry("person", "<snx:role>member</snx:role><snx:communityUuid>k1</snx:communityUuid>")).verb is Verb.JOIN
    assert one(entry("profile")).verb is Verb.UPDATE


@pytest.mark.parametrize(
    ("inner", "audience"),
    [
        ("", Audience(Scope.INTERNAL)),
        ("<snx:communityUuid>k1</snx:communityUuid>", Audience(Scope.GROUP, groups=("group:k1",))),
        (
            "<snx:communityUuid>k1</snx:communityUuid><snx:communityType>private</snx:communityType>",
            Audience(Scope.GROUP, groups=("group:k1",)),
        ),
        ("<snx:communityUuid>k1</snx:communityUuid><snx:communityType>public</snx:communityType>", Audience(Scope.INTERNAL)),
        ('<link rel="self" href="https://c.example/x?a=b&amp;communityUuid=k1"/>', Audience(Scope.GROUP, groups=("group:k1",))),
        ("<td:visibility>private</td:visibility>", Audience(Scope.DIRECT, recipients=("person:anna-1",))),
        ("<td:visibility>public</td:visibility>", Audience(Scope.INTERNAL)),
        ("<app:control><app:draft>yes</app:draft></app:control>", Audience(Scope.DIRECT, recipients=("person:anna-1",))),
        ('<snx:moderation status="pending"/>', Audience(Scope.DIRECT, recipients=("person:anna-1",))),
        (
            '<category scheme="http://www.ibm.com/xmlns/prod/sn/flags" term="private"/>',
            Audience(Scope.DIRECT, recipients=("person:anna-1",)),
        ),
        ("<snx:activity>urn:lsid:ibm.com:oa:a1</snx:activity>", Audience(Scope.GROUP, groups=("group:a1",))),
    ],
)
def test_who_may_read_an_entry(inner, audience):
    assert one(entry(inner=inner)).audience == audience


def test_a_feed_maps_every_entry_and_passes_its_author_on():
    deleted = '<at:deleted-entry ref="c" when="2024-05-06T07:08:09Z"/>'
    text = f"<feed {SPACES}>{AUTHOR}{entry(native='a')}{entry(native='b', author='')}{deleted}</feed>"
    activities = mapped(text).activities
    assert [activity.source.native_id for activity in activities] == ["a", "b", "c"]
    assert activities[1].actor is not None
    assert activities[1].actor.name == "person:anna-1"
    assert activities[2].deleted


def test_xhtml_is_kept_as_html():
    div = '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>a<br/>b</p></div></content>'
    assert one(entry(inner=div)).object.content == "<div><p>a<br>b</p></div>"


def test_without_an_author_the_channel_speaks():
    assert one(entry(author="")).actor.name == "channel:conn"
    assert one(entry(author="<contributor><name>Ben</name></contributor>")).actor.name == "person:name:Ben"


def test_an_entry_without_an_id_has_a_stable_one():
    text = f"<entry {SPACES}><title>x</title></entry>"
    assert one(text).id == one(text).id
    assert one(text).id != one(text.replace("x<", "y<")).id


def test_descriptions_and_empty_feeds_are_nothing():
    for text in (f"<feed {SPACES}/>", f"<app:service {SPACES}/>", f"<app:categories {SPACES}/>"):
        assert mapped(text) == mapped(f"<feed {SPACES}/>")
    assert [rejection.reason for rejection in mapped(f"<entry {SPACES}/>").rejections] == ["entry-empty"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("<error><code>1</code></error>", "error-response"), ("<html/>", "unknown-document"), ("<a", "xml-malformed")],
)
def test_what_is_no_atom_is_named(text, reason):
    with pytest.raises(MalformedPayload) as caught:
        mapped(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_read(encoding):
    assert len(CONNECTOR.map_payload(entry().encode(encoding), CONFIG).activities) == 1


PIECES = st.sampled_from(
    [
        "<entry>",
        "</entry>",
        "<id>x</id>",
        "<author>",
        "</author>",
        '<link href="https://["/>',
        "<content type='xhtml'><a/></content>",
        "<title/>",
        "<!--c-->",
        "<?p?>",
        "&amp;",
        '<category term="person"/>',
    ]
)


@given(st.lists(PIECES, max_size=12))
def test_any_markup_is_mapped_or_named(pieces):
    """Nothing but MalformedPayload leaves the mapping."""
    with contextlib.suppress(MalformedPayload):
        for activity in mapped(f"<feed {SPACES}>{''.join(pieces)}</feed>").activities:
            accept(activity, now_ms=NOW_MS)


@given(st.binary(max_size=200), st.sampled_from(["", "application/xml", "application/json"]))
def test_any_bytes_are_mapped_or_malformed(payload, content_type):
    """Whatever the bytes are, MalformedPayload is all that may leave the mapping."""
    with contextlib.suppress(MalformedPayload):
        CONNECTOR.map_payload(payload, CONFIG, content_type=content_type)
