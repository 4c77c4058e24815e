"""Refining a message in place gives, byte for byte, what the written-out reference gives by way of the domain's types."""

from hypothesis import given
from hypothesis import strategies as st
from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.codec import activity_from_proto, activity_to_bytes
from services.stream.refine.folding import Folded
from services.stream.refine.refining import refine_all
from tests.unit.stream.refine import refining_reference as reference

INT64 = st.integers(-(2**63), 2**63 - 1)
MILLISECONDS = st.one_of(st.just(0), st.integers(-(10**13), 10**13))
NUMBERS = st.one_of(st.integers(-2, 13), st.integers(-(2**31), 2**31 - 1))
WORDS = st.sampled_from(
    ["", "Hello #Kafka world", "a\nb\x00c", " two  spaces ", "tab\t", "#tag", "note", "de", "en-US", "xx", "\u200b"]
)
TEXTS = st.one_of(WORDS, st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
URLS = st.one_of(
    st.sampled_from(["https://e.example/a", "HTTP://e.example/\x01b", "javascript:alert(1)", "mailto:a@b.example"]), TEXTS
)
HTML = st.lists(
    st.one_of(
        st.sampled_from(
            ["<p>", "</p>", "<br>", "<b>", "<script>", "&amp;", "<pre>", "\n", '<a href="https://e.example/x">', "</a>"]
        ),
        st.sampled_from(["<code>", "</code>", "<td>"]),
        st.sampled_from(["Wir haben heute die neue Fassung ausgeliefert", "https://e.example/p?q=1.", "#Tag", "plain words"]),
        TEXTS,
    ),
    max_size=8,
).map("".join)
NAMES = st.sampled_from(["person:a", "person:b", "group:x", ""])


def unset_or(strategy):
    return st.none() | strategy


ENTITIES = st.builds(pb.Entity, name=NAMES, display_name=TEXTS, handle=TEXTS, url=URLS, avatar_url=URLS)
OBJECTS = st.builds(
    pb.Object,
    id=TEXTS,
    type=TEXTS,
    title=TEXTS,
    content=HTML,
    url=URLS,
    attachments=st.lists(st.builds(pb.Attachment, url=URLS, media_type=TEXTS, title=TEXTS), max_size=3),
    activity_id=TEXTS,
)
TIMES = st.builds(
    lambda seconds, nanos: {"seconds": seconds, "nanos": nanos},
    st.one_of(st.just(0), st.integers(-(10**10), 10**10)),
    st.one_of(st.sampled_from([0, 1, 999_999, 1_000_000, 999_999_999, 10**9, -1]), st.integers(-(2**31), 2**31 - 1)),
)
ACTIVITIES = st.builds(
    pb.Activity,
    id=TEXTS,
    version=INT64,
    source=unset_or(st.builds(pb.Source, kind=TEXTS, instance=TEXTS, native_id=TEXTS, channel=TEXTS)),
    verb=NUMBERS,
    actor=unset_or(ENTITIES),
    object=unset_or(OBJECTS),
    target=unset_or(ENTITIES),
    audience=unset_or(
        st.builds(pb.Audience, scope=NUMBERS, groups=st.lists(NAMES, max_size=2), recipients=st.lists(NAMES, max_size=2))
    ),
    published=unset_or(TIMES),
    updated=unset_or(TIMES),
    accepted=unset_or(TIMES),
    deleted=st.booleans(),
    tags=st.lists(TEXTS, max_size=3),
    mentions=st.lists(ENTITIES, max_size=4),
    in_reply_to=TEXTS,
    rollup_id=TEXTS,
    language=TEXTS,
    sort_time_ms=INT64,
    text=TEXTS,
    links=st.lists(URLS, max_size=2),
)
# Fields 30 and 31 of later contracts, at the top and inside; they are appended to encoded messages.
LATER = st.sampled_from([b"", b"\xf0\x01\x07", b"\xfa\x01\x03abc"])


def from_the_future(message, top, inside):
    """Return message as a later version of the contract might have written it."""
    nested = pb.Activity.FromString(message.SerializeToString())
    for field in ("source", "actor", "object", "audience", "published"):
        if nested.HasField(field):
            getattr(nested, field).MergeFromString(inside)
    return nested.SerializeToString() + top


def by_length(line):
    """Classify by what every letter can change."""
    return ("de" if len(line) % 2 else "en"), 0.9


FOLDED = st.builds(Folded, INT64, st.booleans(), st.just(bytes(8)), st.just(0), MILLISECONDS, MILLISECONDS, st.just(-1))


@given(ACTIVITIES, LATER, LATER, FOLDED)
def test_the_bytes_are_those_of_the_reference(activity, top, inside, folded):
    data = from_the_future(activity, top, inside)
    folded = folded._replace(deleted=activity.deleted)
    message = pb.Activity.FromString(data)
    refine_all([message], [folded], by_length)
    expected = reference.refine(activity_from_proto(pb.Activity.FromString(data)), folded, by_length)
    assert message.SerializeToString(deterministic=True) == activity_to_bytes(expected)
