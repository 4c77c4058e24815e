"""How far Connections' stream has been read, as stored between polls."""

from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Activity, Source
from services.ingest.sources.hcl_connections.progress import MAX_KNOWN, Progress, cursor_of, progress_of

VERSIONS = st.dictionaries(st.text(max_size=3), st.integers(0, 100), max_size=8)


def activity(native, version):
    return Activity(source=Source("hcl-connections", "c", native), version=version)


@given(VERSIONS, VERSIONS, st.integers(0, 100))
def test_a_stored_cursor_reads_back_the_same(known, answers, limit):
    progress = Progress().after(known, answers, newest_limit_ms=limit)
    assert progress_of(cursor_of(progress)) == progress


@given(
    st.dictionaries(
        st.sampled_from(["newest_ms", "known", "answers"]),
        st.one_of(st.none(), st.text(), st.booleans(), st.lists(st.integers())),
    )
)
def test_a_cursor_that_cannot_be_read_begins_anew(cursor):
    assert progress_of(cursor) == Progress()


def test_only_a_newer_version_is_unknown():
    progress = Progress().after({"a": 5, "b": 0}, {"c": 7}, newest_limit_ms=100)
    seen = [activity("a", 5), activity("a", 4), activity("b", 0), activity("c", 7)]
    assert progress.unknown(seen) == ()
    assert progress.unknown([activity("a", 6), activity("d", 0)]) == (activity("a", 6), activity("d", 0))


def test_asking_goes_back_by_the_overlap_and_a_wrong_clock_does_not_carry_it_away():
    progress = Progress().after({"a": 1000, "b": 10**15}, {}, newest_limit_ms=2000)
    assert progress.since_ms(300, 7) == 700
    assert Progress().since_ms(300, 7) == 7


def test_what_is_known_is_bounded_to_the_newest():
    progress = Progress().after({f"s{number}": number for number in range(MAX_KNOWN * 2)}, {}, newest_limit_ms=10**6)
    assert len(progress.known) == MAX_KNOWN
    assert min(progress.known.values()) == MAX_KNOWN


def test_only_what_is_newer_than_the_oldest_live_story_can_have_vanished():
    progress = Progress().after({"old": 1, "edge": 5, "gone": 7, "here": 8}, {}, newest_limit_ms=100)
    assert progress.vanished({"here"}, 5) == {"gone"}
