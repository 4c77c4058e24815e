"""Counts are those of the edges that stand and that the reader may know of, whatever came in whichever way."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.activity import Audience, Scope, Verb
from services.contracts.interactions import Interaction
from services.contracts.relations import PersonRelations
from services.stream.feeds.object_tally import Tally
from services.stream.feeds.tallies import FEW, Tallies

ANNA, BEN = "person:anna", "person:ben"
OBJECTS = ["a" * 32, "b" * 31 + "0"]
AUDIENCES = [
    Audience(Scope.PUBLIC),
    Audience(Scope.INTERNAL),
    Audience(Scope.GROUP, groups=("group:platform",)),
    Audience(Scope.DIRECT, recipients=(ANNA,)),
    Audience(),
]
READERS = [
    PersonRelations(ANNA),
    PersonRelations(ANNA, employee=True),
    PersonRelations(BEN, employee=True, groups=frozenset({"group:platform"})),
]
# object, verb, activity, actor, audience; no actor: it is taken back
STEPS = st.lists(
    st.tuples(
        st.sampled_from(OBJECTS),
        st.sampled_from([Verb.LIKE, Verb.SHARE, Verb.COMMENT]),
        st.integers(0, 9),
        st.sampled_from([ANNA, BEN, "person:carla", None]),
        st.sampled_from(AUDIENCES),
    ),
    max_size=40,
)


def edge(obj, verb, number, actor, audience):
    # The verb is part of the key, so of the id here: an activity is on one thing in one way.
    return Interaction(obj, verb, f"{verb:02x}{number:030x}", actor or "", audience)


def applied(steps, tallies=None):
    tallies = Tallies() if tallies is None else tallies
    for step in steps:
        (tallies.remove if step[3] is None else tallies.put)(edge(*step))
    return tallies


def may_know(reader, audience):
    return (
        audience.scope == Scope.PUBLIC
        or (audience.scope == Scope.INTERNAL and reader.employee)
        or (audience.scope == Scope.GROUP and not reader.groups.isdisjoint(audience.groups))
        or (audience.scope == Scope.DIRECT and reader.user in audience.recipients)
    )


def by_hand(steps, obj, reader):
    """Count from the whole history: the last word on each edge, then the different actors among those she may know of."""
    last = {}
    for step in steps:
        if step[0] == obj:
            last[step[1], step[2]] = step
    known = [step for step in last.values() if step[3] is not None and may_know(reader, step[4])]
    return Tally(
        len({step[3] for step in known if step[1] is Verb.LIKE}),
        len({step[3] for step in known if step[1] is Verb.SHARE}),
        len([step for step in known if step[1] is Verb.COMMENT]),
    )


@given(STEPS, st.sampled_from([1, 3, 64]), st.lists(st.integers(0, 40), max_size=4))
def test_counts_are_those_of_the_whole_history(steps, few, asked_at):
    """With few edges and with many, counted before or for the first time, for every reader."""
    tallies = Tallies(few)
    for at, step in enumerate(steps):
        applied([step], tallies)
        if at in asked_at:
            tallies.of(OBJECTS, READERS[0])
    for reader in READERS:
        assert tallies.of(OBJECTS, reader) == [by_hand(steps, obj, reader) for obj in OBJECTS]


@settings(max_examples=50)
@given(STEPS, st.sampled_from([1, 64]))
def test_a_replay_changes_nothing(steps, few):
    """The last word on every edge once more, as after a restart from an older place."""
    last = list({step[:3]: step for step in steps}.values())
    once, twice = applied(steps, Tallies(few)), applied(last, applied(steps, Tallies(few)))
    for reader in READERS:
        assert once.of(OBJECTS, reader) == twice.of(OBJECTS, reader) == applied(last).of(OBJECTS, reader)


def test_one_actor_counts_once_and_comments_count_each():
    steps = [(OBJECTS[0], verb, number, ANNA, AUDIENCES[0]) for verb in (Verb.LIKE, Verb.COMMENT) for number in range(2)]
    assert applied(steps).of(OBJECTS, READERS[0]) == [Tally(likes=1, comments=2), Tally()]


def test_a_like_in_two_audiences_counts_once_for_who_may_read_both():
    steps = [(OBJECTS[0], Verb.LIKE, number, ANNA, AUDIENCES[number]) for number in range(2)]
    tallies = applied(steps)
    assert [tallies.of(OBJECTS[:1], reader) for reader in READERS[:2]] == [[Tally(likes=1)], [Tally(likes=1)]]


def test_nothing_is_told_of_a_like_outside_the_readers_audience():
    """Invariant 2: neither that it is there nor that it was taken back."""
    secret = (OBJECTS[0], Verb.LIKE, 1, BEN, AUDIENCES[2])
    tallies = applied([secret])
    assert tallies.of(OBJECTS, READERS[1]) == [Tally(), Tally()]
    assert tallies.of(OBJECTS, READERS[2]) == [Tally(likes=1), Tally()]
    assert applied([(*secret[:3], None, secret[4])], tallies).of(OBJECTS, READERS[2]) == [Tally(), Tally()]


def test_what_is_taken_back_leaves_nothing():
    """Memory is for what stands."""
    steps = [(OBJECTS[0], Verb.LIKE, number, f"person:{number}", AUDIENCES[0]) for number in range(FEW + 5)]
    tallies = applied(steps)
    assert tallies.of(OBJECTS, READERS[0]) == [Tally(likes=FEW + 5), Tally()]
    assert len(applied([(*step[:3], None, step[4]) for step in steps], tallies)) == 0
