"""Folding by example: each rule once."""

import pytest
from sluice.activity.v1 import activity_pb2 as pb

from services.stream.refine.audiences import NOBODY, closedness, summary_of
from services.stream.refine.folding import LAST_VERSION, Dropped, Folded, Incoming, fold

A, B = b"aaaaaaaa", b"bbbbbbbb"


def incoming(version, digest=A, *, audience=0, deleted=False, published=50, accepted=100):
    return Incoming(version, deleted, bytes(8) if deleted else digest, audience, published, accepted)


def after(*records):
    """Fold records; return the winner and what became of each."""
    stored, outcomes = None, []
    for record in records:
        outcome = fold(stored, record)
        stored = outcome if isinstance(outcome, Folded) else stored
        outcomes.append("emitted" if isinstance(outcome, Folded) else outcome.value)
    return stored, outcomes


def test_a_higher_version_wins_and_a_lower_one_is_late():
    winner, outcomes = after(incoming(5), incoming(7, B), incoming(6))
    assert (winner.version, winner.digest, outcomes) == (7, B, ["emitted", "emitted", "late"])


def test_a_higher_version_with_the_same_content_is_written():
    """Only what is written survives a restart; otherwise version 6 would win after it."""
    assert after(incoming(5), incoming(7), incoming(6, B))[1] == ["emitted", "emitted", "late"]


def test_the_first_of_two_contents_under_one_version_stays():
    winner, outcomes = after(incoming(5, B), incoming(5, A), incoming(5, B))
    assert (winner.digest, outcomes) == (B, ["emitted", Dropped.CONFLICT, Dropped.DUPLICATE])


PUBLIC, EMPLOYEES = summary_of(pb.Audience(scope=pb.SCOPE_PUBLIC)), summary_of(pb.Audience(scope=pb.SCOPE_INTERNAL))


def group(*names):
    return summary_of(pb.Audience(scope=pb.SCOPE_GROUP, groups=names))


def to(*names):
    return summary_of(pb.Audience(scope=pb.SCOPE_DIRECT, recipients=names))


@pytest.mark.parametrize(
    ("wider", "narrower"),
    [
        (PUBLIC, EMPLOYEES),
        (EMPLOYEES, group("group:a")),
        (group("group:a", "group:b"), group("group:a")),
        (group("group:a"), to("person:a", "person:b")),
        (to("person:a", "person:b"), to("person:b")),
        (to("person:a"), NOBODY),
    ],
)
def test_the_narrower_audience_of_one_version_counts_whichever_came_first(wider, narrower):
    """Closing never waits for a new version; opening does."""
    winner, outcomes = after(incoming(5, A, audience=wider), incoming(5, B, audience=narrower))
    assert (winner.digest, winner.audience, outcomes) == (B, narrower, ["emitted", "emitted"])
    winner, outcomes = after(incoming(5, B, audience=narrower), incoming(5, A, audience=wider))
    assert (winner.digest, winner.audience, outcomes) == (B, narrower, ["emitted", Dropped.CONFLICT])


def test_of_two_audiences_that_are_equally_closed_neither_counts():
    """Nobody can tell which of them is meant, so nobody reads until a newer version says."""
    first, second = incoming(5, A, audience=group("group:a")), incoming(5, B, audience=group("group:b"))
    winner, outcomes = after(first, second, first, second)
    assert (winner.audience, outcomes) == (NOBODY, ["emitted", "emitted", Dropped.CONFLICT, "duplicate"])
    assert after(first, second, incoming(6, A, audience=PUBLIC))[0].audience == PUBLIC


def test_names_that_the_scope_does_not_ask_for_make_no_other_audience():
    said = pb.Audience(scope=pb.SCOPE_GROUP, groups=["group:a", "group:b"], recipients=["person:x"])
    assert summary_of(said) == group("group:b", "group:a", "group:a")
    assert summary_of(pb.Audience(scope=pb.SCOPE_PUBLIC, groups=["group:a"])) == PUBLIC
    assert {summary_of(pb.Audience(scope=scope)) for scope in (0, 3, 4, 99)} == {NOBODY}


def test_a_summary_fits_its_slot_however_many_are_named():
    many = to(*(f"person:{n}" for n in range(3000)))
    assert closedness(group("group:a")) < closedness(many) < closedness(to("person:a", "person:b")) < closedness(NOBODY)
    assert NOBODY < 2**32


def test_undated_contents_are_counted():
    winner, outcomes = after(incoming(0), incoming(0), incoming(0, B))
    assert (winner.version, outcomes) == (2, ["emitted", "duplicate", "emitted"])


def test_an_undated_content_after_a_dated_one_counts_on():
    assert after(incoming(40), incoming(0, B))[0].version == 41


@pytest.mark.parametrize("version", [3, 5])
def test_a_delete_before_its_create_keeps_it_out(version):
    winner, outcomes = after(incoming(5, deleted=True), incoming(version))
    assert (winner.deleted, outcomes) == (True, ["emitted", "late"])


def test_a_delete_beats_the_version_that_it_deletes():
    winner, outcomes = after(incoming(5), incoming(5, deleted=True), incoming(5))
    assert (winner.deleted, outcomes) == (True, ["emitted", "emitted", "late"])


def test_a_create_above_the_delete_revives():
    winner, _ = after(incoming(4, published=20), incoming(5, deleted=True), incoming(6, published=90))
    assert (winner.deleted, winner.version, winner.sort_time_ms) == (False, 6, 20)


def test_an_undated_delete_keeps_out_everything_dated_before_its_acceptance():
    winner, outcomes = after(incoming(0, deleted=True, accepted=1000), incoming(999), incoming(1001, B))
    assert (winner.deleted, winner.version, outcomes) == (False, 1001, ["emitted", "late", "emitted"])


def test_nothing_undated_revives():
    winner, outcomes = after(incoming(0), incoming(0, deleted=True), incoming(0), incoming(0, deleted=True))
    assert (winner.deleted, outcomes) == (True, ["emitted", "emitted", "late", "duplicate"])


def test_a_higher_delete_raises_what_it_takes_to_revive():
    assert after(incoming(5, deleted=True), incoming(9, deleted=True), incoming(7))[1] == ["emitted", "emitted", "late"]


def test_the_sort_time_is_the_earlier_of_published_and_first_accepted():
    assert after(incoming(1, published=50, accepted=100))[0].sort_time_ms == 50
    assert after(incoming(1, published=150, accepted=100))[0].sort_time_ms == 100
    assert after(incoming(1, published=0, accepted=100))[0].sort_time_ms == 100


def test_a_later_edit_moves_neither_sort_time_nor_acceptance():
    winner, _ = after(incoming(1), incoming(2, B, published=10, accepted=200))
    assert (winner.sort_time_ms, winner.accepted_ms) == (50, 100)


def test_a_marker_that_came_first_pins_nothing():
    marker, _ = after(incoming(1, deleted=True, accepted=100))
    revived, _ = after(incoming(1, deleted=True, accepted=100), incoming(2, published=0, accepted=300))
    assert (marker.sort_time_ms, revived.sort_time_ms, revived.accepted_ms) == (0, 300, 300)


def test_the_last_version_that_fits_is_not_counted_on():
    assert after(incoming(LAST_VERSION), incoming(0, B))[1] == ["emitted", "late"]
