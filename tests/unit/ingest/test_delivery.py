from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Activity, Audience, Entity, Scope, Source, Verb
from services.contracts.codec import activity_from_bytes
from services.ingest.cursors import Cursors
from services.ingest.delivery import Deliveries
from services.ingest.publisher import MAX_DEAD_LETTER_BYTES, KafkaPublisher
from services.ingest.sending import KafkaUnavailable
from services.ingest.source import Mapped, Rejection, SourceConfig
from services.ingest.source_state import SourceState, state_from_bytes, state_to_bytes
from tests.unit.ingest.fake_kafka import FakeKafka

NOW = 1_790_000_000_000
CONFIG = SourceConfig(id="blog", kind="rss", instance="blog.example")


def note(number):
    return Activity(
        source=Source("rss", "blog.example", str(number)),
        verb=Verb.POST,
        actor=Entity("person:anna"),
        audience=Audience(Scope.PUBLIC),
        published_ms=NOW,
    )


def setup(kafka, states=()):
    cursors = Cursors(kafka, {state.source_id: state for state in states}, lambda: NOW)
    return cursors, Deliveries(KafkaPublisher(kafka), cursors, lambda: NOW).for_source(CONFIG)


async def test_everything_is_in_kafka_before_the_cursor_moves():
    kafka = FakeKafka()
    cursors, deliver = setup(kafka)
    await deliver(Mapped(tuple(note(number) for number in range(450))), {"since": 9})
    assert [activity_from_bytes(kept.record.value).source.native_id for kept in kafka.raw] == [str(n) for n in range(450)]
    assert cursors.cursor("blog") == {"since": 9}
    assert state_from_bytes(kafka.states[-1].record.value).accepted_count == 450


@given(st.integers(0, 8))
async def test_wherever_kafka_goes_away_the_cursor_is_not_ahead(acknowledged):
    """Eight records: six activities, a dead letter, the state. Only when all are in does the cursor move; repeating mends it."""
    kafka = FakeKafka()
    cursors, deliver = setup(kafka, [SourceState("blog", {"since": 1})])
    mapped = Mapped(tuple(note(number) for number in range(6)), (Rejection("broken", "an entry is broken", "7", b"<x"),))
    kafka.away_after = acknowledged
    if acknowledged < 8:
        with pytest.raises(KafkaUnavailable):
            await deliver(mapped, {"since": 9})
        assert cursors.cursor("blog") == {"since": 1}
        assert kafka.states == []
    kafka.away_after = None
    await deliver(mapped, {"since": 9})
    assert {kept.record.key for kept in kafka.raw} == {note(number).with_id().id.encode() for number in range(6)}
    assert kafka.dead
    assert state_from_bytes(kafka.states[-1].record.value).cursor == {"since": 9}


async def test_what_cannot_be_taken_is_kept_with_its_reason_and_holds_nothing_up():
    kafka = FakeKafka()
    cursors, deliver = setup(kafka)
    bad = replace(note(2), published_ms=-1)
    await deliver(Mapped((note(1), bad, note(3)), (Rejection("broken", "an entry is broken", "4", b"<x"),)), {})
    assert len(kafka.raw) == 2
    assert [(kept.headers["sluice_reason"], kept.headers["sluice_origin"]) for kept in kafka.dead] == [
        ("broken", "blog"),
        ("published-out-of-range", "blog"),
    ]
    assert kafka.dead[0].record.value == b"<x"
    assert activity_from_bytes(kafka.dead[1].record.value).source == bad.source
    assert (cursors.state("blog").accepted_count, cursors.state("blog").rejected_count) == (2, 2)


async def test_a_source_that_repeats_a_bad_thing_fills_no_queue():
    """A feed is polled every minute and says the same every time."""
    kafka = FakeKafka()
    cursors, deliver = setup(kafka)
    rejection = Rejection("broken", "an entry is broken", "4", b"<x")
    for _ in range(3):
        await deliver(Mapped((), (rejection,)), {})
    await deliver(Mapped((), (replace(rejection, payload=b"<y"),)), {})
    assert [kept.record.value for kept in kafka.dead] == [b"<x", b"<y"]
    assert cursors.state("blog").rejected_count == 2


async def test_a_payload_that_kafka_would_refuse_is_cut_and_says_so():
    kafka = FakeKafka()
    _, deliver = setup(kafka)
    await deliver(Mapped((), (Rejection("broken", "not a feed", payload=b"x" * (MAX_DEAD_LETTER_BYTES + 1)),)), {})
    assert len(kafka.dead[0].record.value) == MAX_DEAD_LETTER_BYTES
    assert str(MAX_DEAD_LETTER_BYTES + 1) in kafka.dead[0].headers["sluice_detail"]


async def test_half_characters_in_a_rejection_do_not_stop_the_source():
    kafka = FakeKafka()
    _, deliver = setup(kafka)
    await deliver(Mapped((), (Rejection("broken", "bad \ud800", "id-\udfff", b"x"),)), {})
    assert kafka.dead[0].record.key == "id-\ufffd".encode()


async def test_a_success_ends_a_failure_in_the_ledger():
    kafka = FakeKafka()
    cursors, deliver = setup(kafka)
    await cursors.failed("blog", "ConnectionFailed")
    assert state_from_bytes(kafka.states[-1].record.value) == SourceState("blog", {}, failed_ms=NOW, failure="ConnectionFailed")
    await deliver(Mapped(), {"etag": "x"})
    assert state_from_bytes(kafka.states[-1].record.value) == SourceState("blog", {"etag": "x"}, succeeded_ms=NOW)


async def test_counts_of_posting_sources_are_written_later_and_once():
    kafka = FakeKafka()
    cursors, _ = setup(kafka)
    cursors.count("inbox", accepted=2, rejected=1)
    cursors.count("inbox", accepted=1, rejected=0)
    kafka.away = True
    with pytest.raises(KafkaUnavailable):
        await cursors.flush()
    kafka.away = False
    await cursors.flush()
    await cursors.flush()
    (kept,) = kafka.states
    assert state_from_bytes(kept.record.value) == SourceState("inbox", succeeded_ms=NOW, accepted_count=3, rejected_count=1)


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")), st.lists, max_leaves=5
)


@given(
    st.builds(
        SourceState,
        source_id=st.text(st.characters(codec="utf-8"), min_size=1),
        cursor=st.dictionaries(st.text(st.characters(codec="utf-8")), json),
        succeeded_ms=st.integers(0, NOW),
        failed_ms=st.integers(0, NOW),
        failure=st.text(st.characters(codec="utf-8")),
        accepted_count=st.integers(0, 2**40),
        rejected_count=st.integers(0, 2**40),
    )
)
def test_a_state_survives_its_record(state):
    assert state_from_bytes(state_to_bytes(state)) == state
