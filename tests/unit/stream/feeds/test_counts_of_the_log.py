"""From what sources say to what readers are told: counts are those of the activities that stand, whatever happened on the way."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.activity import Audience, Entity, Object, Scope, Verb
from services.contracts.codec import UndecodableRecord
from services.contracts.relations import PersonRelations
from services.stream.feeds.interaction_log import apply
from services.stream.feeds.object_tally import Tally
from services.stream.feeds.tallies import Tallies
from tests.unit.stream.refine.refine_steps import DAY, Log, Rec, Writer, activity, raw

NOTES = [activity("a note").id, activity("another note").id]
AUDIENCES = [Audience(Scope.PUBLIC), Audience(Scope.INTERNAL), Audience(Scope.GROUP, groups=("group:platform",))]
READERS = [
    PersonRelations("person:guest"),
    PersonRelations("person:anna", employee=True),
    PersonRelations("person:ben", employee=True, groups=frozenset({"group:platform"})),
]
# version (0: undated), what is done (None: deleted), on what, by whom, for whom, native id
STEPS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from([None, Verb.LIKE, Verb.LIKE, Verb.SHARE, Verb.COMMENT, Verb.POST]),
        st.sampled_from(NOTES),
        st.sampled_from(["person:carla", "person:dora"]),
        st.sampled_from(AUDIENCES),
        st.sampled_from("xyz"),
    ),
    max_size=14,
)


def said(step):
    version, verb, obj, actor, audience, native_id = step
    base = activity(native_id, f"<p>{verb}</p>", version=version, audience=audience, actor=Entity(actor))
    if verb is None:
        return replace(base.as_deleted(version), accepted_ms=DAY + 1000)
    if verb is Verb.COMMENT:
        return replace(base, verb=verb, in_reply_to=obj)
    return replace(base, verb=verb, object=Object(content="<p>!</p>", activity_id="" if verb is Verb.POST else obj))


def counts_by_hand(log, obj, reader):
    """Count the activities that stand and that the reader may read."""
    standing = [a for a in log.last().values() if not a.deleted and obj in (a.object.activity_id, a.in_reply_to)]
    known = [
        a
        for a in standing
        if a.audience.scope is Scope.PUBLIC
        or (a.audience.scope is Scope.INTERNAL and reader.employee)
        or (a.audience.scope is Scope.GROUP and not reader.groups.isdisjoint(a.audience.groups))
    ]
    return Tally(
        len({a.actor.name for a in known if a.verb is Verb.LIKE}),
        len({a.actor.name for a in known if a.verb is Verb.SHARE}),
        len([a for a in known if a.verb is Verb.COMMENT]),
    )


def records(log):
    return [Rec(offset, record.key, record.value) for offset, record in enumerate(log.interactions)]


def told(tallies):
    return [tallies.of(NOTES, reader) for reader in READERS]


def followed(some, tallies=None):
    tallies = Tallies() if tallies is None else tallies
    for record in some:
        apply(tallies, record)
    return tallies


@settings(max_examples=300)
@given(
    STEPS,
    st.lists(st.sampled_from(["zombie", "owner", "follow", "crash"]), max_size=40),
    st.integers(0, 12),
    st.integers(0, 40),
    st.integers(0, 5),
)
def test_counts_survive_zombies_crashes_restarts_and_compaction(steps, turns, taken_over_at, restarted_at, again):
    """A reader of the whole log, one that restarts and reads some records again, and one of the compacted log are told the same."""
    raws, log = [raw(offset, said(step)) for offset, step in enumerate(steps)], Log()
    zombie = Writer(log)
    for one in raws[:taken_over_at]:
        zombie.write(one)
    owner, zombie_at, owner_at = Writer(log), min(taken_over_at, len(raws)), min(taken_over_at, len(raws))
    for turn in turns:
        if turn == "zombie" and zombie_at < len(raws):
            zombie.write(raws[zombie_at])
            zombie_at += 1
        elif turn == "owner" and owner_at < len(raws):
            owner.write(raws[owner_at])
            owner_at += 1
        elif turn == "crash" and owner_at < len(raws):
            # The edges are written, the activity isn't; the next owner begins where the log ends.
            owner.begin(raws[owner_at])
            owner = Writer(log)
        elif turn == "follow":
            owner.follow()
    for one in raws[owner_at:]:
        owner.write(one)
    owner.follow()
    everything = records(log)
    expected = [[counts_by_hand(log, obj, reader) for obj in NOTES] for reader in READERS]
    assert told(followed(everything)) == expected
    restarted_at = min(restarted_at, len(everything))
    assert told(followed(everything[max(0, restarted_at - again) :], followed(everything[:restarted_at]))) == expected
    compacted = {record.key: record for record in everything}
    assert told(followed(sorted(compacted.values(), key=lambda record: record.offset))) == expected


@given(STEPS)
def test_the_whole_input_twice_gives_the_same_counts(steps):
    """Invariant 4, for what is dated: the same activities accepted once more."""
    steps = [(max(1, version), *rest) for version, *rest in steps]
    writer = Writer(Log())
    for offset, step in enumerate(steps):
        writer.write(raw(offset, said(step)))
    once = told(followed(records(writer.log)))
    for offset, step in enumerate(steps):
        writer.write(raw(len(steps) + offset, said(step)))
    assert told(followed(records(writer.log))) == once


@given(st.binary(max_size=40), st.none() | st.binary(max_size=20))
def test_what_cannot_be_read_counts_for_nobody(key, value):
    """Whatever bytes are in the log: what is known stays, or is gone where its own record can't be read any more."""
    writer = Writer(Log())
    writer.write(raw(0, said((1, Verb.LIKE, NOTES[0], "person:carla", AUDIENCES[0], "x"))))
    [record] = records(writer.log)
    tallies = followed([record])
    with contextlib.suppress(ValueError):
        apply(tallies, Rec(1, key, value))
    assert tallies.of(NOTES[:1], READERS[0]) == [Tally(likes=1)]
    with pytest.raises(UndecodableRecord):
        apply(tallies, Rec(2, record.key, b"\xff\xff"))
    assert tallies.of(NOTES[:1], READERS[0]) == [Tally()]
