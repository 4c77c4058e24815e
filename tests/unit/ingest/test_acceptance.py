from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import (
    DAY_MS,
    Activity,
    Attachment,
    Audience,
    Entity,
    Object,
    ReportedTotals,
    Scope,
    Source,
    Verb,
    activity_id,
)
from services.contracts.codec import activity_from_bytes
from services.ingest.acceptance import MAX_CONTENT_BYTES, Accepted, accept
from services.ingest.source import Rejection
from tests.unit.contracts.activities import activities

NOW = 1_790_000_000_000
POST = Activity(
    source=Source("rss", "blog.example", "entry-1"),
    verb=Verb.POST,
    actor=Entity("person:anna"),
    object=Object(content="<p>Hello</p>"),
    audience=Audience(Scope.INTERNAL),
    published_ms=NOW - 5000,
)

# Whatever Python can hold in a str, half surrogate pairs and control characters included.
anything = st.text(st.characters(), max_size=30)
entities = st.builds(Entity, anything | anything.map("person:{}".format), anything, anything, anything, anything)
wild = st.builds(
    Activity,
    source=st.builds(Source, st.sampled_from(["rss", "", "RSS"]) | anything, anything, anything, anything),
    id=anything,
    version=st.integers(),
    verb=st.sampled_from(Verb),
    actor=st.none() | entities,
    object=st.builds(
        Object,
        anything,
        anything,
        anything,
        anything,
        anything,
        st.lists(st.builds(Attachment, anything, anything, anything), max_size=3).map(tuple),
        anything,
    ),
    target=st.none() | entities,
    audience=st.builds(
        Audience, st.sampled_from(Scope), st.lists(anything, max_size=2).map(tuple), st.lists(anything, max_size=2).map(tuple)
    ),
    published_ms=st.integers(),
    updated_ms=st.integers(),
    deleted=st.booleans(),
    tags=st.lists(anything, max_size=4).map(tuple),
    mentions=st.lists(entities, max_size=2).map(tuple),
    in_reply_to=anything,
    rollup_id=anything,
    language=anything,
    sort_time_ms=st.integers(),
    reported=st.none() | st.builds(ReportedTotals, *[st.integers()] * 5),
    text=anything,
    links=st.lists(anything, max_size=2).map(tuple),
)


def accepted(activity, **options):
    outcome = accept(activity, now_ms=NOW, **options)
    assert isinstance(outcome, Accepted), outcome
    return outcome.activity


def reason(activity, **options):
    outcome = accept(activity, now_ms=NOW, **options)
    assert isinstance(outcome, Rejection), outcome
    return outcome.reason


@given(wild)
def test_nothing_a_source_says_crashes_acceptance(activity):
    """Every activity is accepted or rejected with a reason; what is accepted can be read back as it is kept."""
    outcome = accept(activity, now_ms=NOW)
    if isinstance(outcome, Accepted):
        assert activity_from_bytes(outcome.value) == outcome.activity
    else:
        assert outcome.reason
        assert outcome.payload


@given(activities | wild)
def test_accepting_again_changes_nothing(activity):
    """Accepting is idempotent: what was accepted is taken as it is."""
    outcome = accept(activity, now_ms=NOW)
    if isinstance(outcome, Accepted):
        assert accept(outcome.activity, now_ms=NOW) == outcome


@given(activities, st.integers(0, 10**9))
def test_the_same_event_has_the_same_id_whenever_it_comes(activity, later):
    """The id depends on kind, instance and native id alone."""
    first, second = accept(activity, now_ms=NOW), accept(replace(activity, id=""), now_ms=NOW + later)
    if isinstance(first, Accepted) and isinstance(second, Accepted):
        source = activity.source
        assert first.key == second.key == activity_id(source.kind, source.instance, source.native_id).encode()


@given(wild)
def test_a_rejection_quotes_nobody(activity):
    """Neither the reason nor the detail depends on what the texts say."""
    outcome = accept(replace(activity, object=replace(activity.object, content="pssst-secret")), now_ms=NOW)
    if isinstance(outcome, Rejection):
        assert "pssst-secret" not in outcome.reason + outcome.detail + outcome.field


@pytest.mark.parametrize("ms", [-11_644_473_600_000, -1, NOW + DAY_MS + 1, 32_503_680_000_000])
def test_dates_before_1970_and_more_than_a_day_ahead_are_refused(ms):
    """1601 and 2999 are mistakes; one of them would stay on top of every feed."""
    assert reason(replace(POST, published_ms=ms)) == "published-out-of-range"
    assert reason(replace(POST, updated_ms=ms)) == "updated-out-of-range"


def test_a_clock_a_day_ahead_is_forgiven():
    assert accepted(replace(POST, published_ms=NOW + DAY_MS)).published_ms == NOW + DAY_MS


def test_an_unsaid_publishing_time_stays_unsaid():
    """Refine takes the acceptance then; acceptance doesn't invent a time of the source."""
    assert accepted(replace(POST, published_ms=0)).published_ms == 0


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ({"actor": None}, "actor-missing"),
        ({"verb": Verb.UNSPECIFIED}, "verb-missing"),
        ({"audience": Audience()}, "audience-missing"),
        ({"audience": Audience(Scope.GROUP)}, "audience-missing"),
        ({"audience": Audience(Scope.DIRECT)}, "audience-missing"),
        ({"source": Source("rss", "blog.example", "")}, "field-invalid"),
        ({"actor": Entity("anna")}, "field-invalid"),
        ({"version": 2**63}, "version-out-of-range"),
        ({"source": Source("rss", "blog.example", "a\x00b")}, "control-character"),
        ({"actor": Entity("person:an\nna")}, "control-character"),
        ({"target": Entity("group:\ud800")}, "control-character"),
    ],
)
def test_what_is_missing_or_broken_is_named(missing, expected):
    assert reason(replace(POST, **missing)) == expected


def test_a_rejection_names_the_field():
    outcome = accept(replace(POST, mentions=(Entity("person:b"), Entity("b"))), now_ms=NOW)
    assert isinstance(outcome, Rejection)
    assert outcome.field == "mentions[1].name"


def test_content_is_taken_up_to_its_limit_in_bytes():
    """The limit counts bytes, not characters: an umlaut has two."""
    at_limit = replace(POST, object=Object(content="ü" * (MAX_CONTENT_BYTES // 2)))
    assert accepted(at_limit).object.content == at_limit.object.content
    assert reason(replace(POST, object=Object(content="ü" * (MAX_CONTENT_BYTES // 2 + 1)))) == "content-too-large"


def test_an_activity_that_kafka_would_refuse_is_refused_first():
    """Otherwise one record above max.message.bytes would hold its source up for ever."""
    mentions = tuple(Entity(f"person:{number}", url="https://x.example/" + "u" * 4000) for number in range(400))
    assert reason(replace(POST, mentions=mentions)) == "activity-too-large"


def test_control_characters_leave_texts_but_line_ends_and_tabs_stay():
    kept = accepted(replace(POST, object=Object(title="a\x00b\x07", content="one\r\ntwo\tthree\x1b[31m\x7f\ud83d")))
    assert kept.object.title == "ab"
    assert kept.object.content == "one\ntwo\tthree[31m\ufffd"


def test_a_direct_message_can_be_read_by_who_wrote_it():
    kept = accepted(replace(POST, audience=Audience(Scope.DIRECT, recipients=("person:ben", "person:ben"))))
    assert kept.audience.recipients == ("person:ben", "person:anna")


def test_names_that_the_scope_does_not_count_are_dropped():
    """Nobody may later mistake them for readers."""
    audience = Audience(Scope.INTERNAL, groups=("group:platform",), recipients=("person:ben",))
    assert accepted(replace(POST, audience=audience)).audience == Audience(Scope.INTERNAL)


def test_a_delete_needs_nothing_but_its_source_and_keeps_no_text():
    """Its version is the acceptance where the source has none, so that older versions can't come back."""
    kept = accepted(replace(POST, deleted=True, actor=None, audience=Audience(), tags=("x",), published_ms=-5))
    assert kept == Activity(source=POST.source, id=POST.source.activity_id, version=NOW, accepted_ms=NOW, deleted=True)
    assert accepted(replace(POST, deleted=True, version=7)).version == 7


def test_an_undated_version_stays_undated():
    """Refine counts these: inventing a version here would make every retry an edit."""
    assert accepted(POST).version == 0


def test_a_delete_by_id_keeps_the_given_id():
    given_id = "ab" * 16
    marker = Activity(source=Source("sluice", "by-id", given_id), id=given_id, deleted=True)
    assert accepted(marker, keep_id=True).id == given_id
    assert reason(replace(marker, id=""), keep_id=True) == "id-missing"


def test_what_sluice_assigns_is_not_taken_from_outside():
    forged = replace(POST, id="ff" * 16, sort_time_ms=1, text="forged", links=("https://x.example",), accepted_ms=1)
    assert accepted(forged) == accepted(POST)


def test_links_that_run_code_are_taken_out():
    """An attachment without a link that may be opened is none."""
    obj = Object(
        url="javascript:alert(1)",
        attachments=(Attachment(" java\nscript:alert(1)"), Attachment("https://x.example/a.png"), Attachment("data:text/html,x")),
    )
    kept = accepted(replace(POST, object=obj)).object
    assert kept.url == ""
    assert [attachment.url for attachment in kept.attachments] == ["https://x.example/a.png"]


def test_reported_totals_are_dated_and_odd_ones_refuse_nothing():
    """What a source counts is true when it said so; a count below zero is none, a time to come is now."""
    said = ReportedTotals(likes=5, shares=-1, comments=2**70)
    expected = ReportedTotals(likes=5, comments=2**63 - 1, observed_ms=NOW)
    assert accepted(replace(POST, reported=said)).reported == expected
    assert accepted(replace(POST, reported=replace(said, observed_ms=NOW + 5))).reported == expected
    assert accepted(replace(POST, reported=replace(said, observed_ms=NOW - 5))).reported.observed_ms == NOW - 5
