"""Invariants 3 and 4 as far as refine: what the output log ends up saying, whatever happens on the way.

The reference is written apart from the fold: it sorts and groups whole histories instead of stepping through them.
"""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.activity import Audience, Scope
from tests.unit.stream.refine.refine_steps import DAY, Log, Writer, activity, raw

# version, content (None: deleted), native id, published offset, accepted offset
DATED = st.tuples(
    st.integers(1, 5), st.sampled_from([None, "a", "b"]), st.sampled_from("xy"), st.integers(0, 3), st.integers(0, 9)
)
ANY = st.tuples(
    st.sampled_from([0, 0, 0, 1, 2, 3, 4]),
    st.sampled_from(["a", "b", None]),
    st.sampled_from("xxy"),
    st.integers(0, 3),
    st.integers(0, 9),
)


def said(version, content, native_id, published, accepted):
    live = activity(native_id, content or "", version=version, published_ms=DAY + 5 + published, accepted_ms=DAY + accepted)
    return live if content else replace(live.as_deleted(version), accepted_ms=DAY + accepted)


def raw_log(steps):
    return [raw(offset, said(*step)) for offset, step in enumerate(steps)]


def written(records, *, writer=None):
    writer = writer or Writer(Log())
    for record in records:
        writer.write(record)
    return writer


AUDIENCES = {
    "public": Audience(Scope.PUBLIC),
    "employees": Audience(Scope.INTERNAL),
    "a": Audience(Scope.GROUP, groups=("group:a",)),
    "b": Audience(Scope.GROUP, groups=("group:b",)),
    "a and b": Audience(Scope.GROUP, groups=("group:a", "group:b")),
    "anna": Audience(Scope.DIRECT, recipients=("person:anna",)),
}
# version, who may read
SHOWN = st.lists(st.tuples(st.integers(1, 2), st.sampled_from(sorted(AUDIENCES))), min_size=1, max_size=8)


def shown(steps):
    """Return the raw log of one activity that versions say to be for these."""
    return [raw(n, activity(version=version, audience=AUDIENCES[who])) for n, (version, who) in enumerate(steps)]


CLOSEDNESS = {"public": 0, "employees": 1, "a and b": 2, "a": 3, "b": 3, "anna": 4}


def said_of_the_newest(steps):
    newest = max(version for version, _ in steps)
    return [who for version, who in steps if version == newest]


def readers_by_hand(steps):
    """Return the most closed audience that the newest version was said to have; nobody's when two claimed to be that at their time."""
    said = said_of_the_newest(steps)
    for at, who in enumerate(said):
        before = [other for other in said[:at] if CLOSEDNESS[other] >= CLOSEDNESS[who]]
        if before and set(before) != {who} and max(CLOSEDNESS[other] for other in before) == CLOSEDNESS[who]:
            return Audience()
    return AUDIENCES[max(said, key=CLOSEDNESS.__getitem__)]


@given(SHOWN)
def test_whoever_a_version_is_said_to_be_for_the_most_closed_word_counts(steps):
    """A read that the source has closed is closed, and stays so when everything is said once more."""
    for order in (steps, steps + steps):
        [last] = written(shown(order)).log.last().values()
        assert last.audience == readers_by_hand(steps)


@given(SHOWN, st.randoms(use_true_random=False))
def test_no_order_of_arrival_leaves_more_open_than_the_most_closed_word(steps, random):
    [last] = written(shown(random.sample(steps, len(steps)))).log.last().values()
    most = max(CLOSEDNESS[who] for who in said_of_the_newest(steps))
    assert last.audience in [Audience(), *(AUDIENCES[who] for who, closed in CLOSEDNESS.items() if closed == most)]


@given(SHOWN, st.integers(0, 8), st.integers(0, 8))
def test_who_may_read_survives_crashes_and_zombies(steps, known, ahead):
    """A new owner that reads the log back, beside an old one that goes on for a while, ends with the same readers."""
    records = shown(steps)
    log = Log()
    zombie = written(records[:known], writer=Writer(log))
    owner = Writer(log)
    written(records[known : known + ahead], writer=zombie)
    written(records[known:], writer=owner)
    owner.follow()
    assert owner.follow() == 0
    assert [a.audience for a in log.last().values()] == [readers_by_hand(steps)]
    assert Writer(log).follow() == 0


def facts(log):
    """Return what users see of each activity."""
    return {key: (a.version, a.deleted, a.object.content, a.sort_time_ms, a.accepted_ms) for key, a in log.last().items()}


def winners_by_hand(steps):
    """Return {id: (version, deleted, content)} of dated steps: the largest (version, deleted); among equals the first."""
    result = {}
    for native_id in {step[2] for step in steps}:
        mine = [step for step in steps if step[2] == native_id]
        best = max((version, content is None) for version, content, *_ in mine)
        first = next(step for step in mine if (step[0], step[1] is None) == best)
        result[activity(native_id).id] = (first[0], first[1] is None, first[1] or "")
    return result


def pins_by_hand(steps):
    """Return {id: sort time} of dated steps: that of the first live one which no earlier step keeps out; none: 0."""
    result = {}
    for native_id in {step[2] for step in steps}:
        mine = [step for step in steps if step[2] == native_id]
        pinning = [
            min(DAY + 5 + published, DAY + accepted)
            for at, (version, content, _, published, accepted) in enumerate(mine)
            if content and all(version > earlier[0] for earlier in mine[:at] if earlier[1] is None)
        ]
        result[activity(native_id).id] = pinning[0] if pinning else 0
    return result


@given(st.lists(DATED, max_size=14))
def test_the_last_record_of_every_key_is_the_winner_of_its_history(steps):
    log = written(raw_log(steps)).log
    assert {key: (a.version, a.deleted, a.object.content) for key, a in log.last().items()} == winners_by_hand(steps)


@given(st.lists(DATED, max_size=14))
def test_the_sort_time_is_pinned_by_the_first_live_version(steps):
    """Once an activity was shown at a place it stays there: edits, deletes and revivals don't move it."""
    log = written(raw_log(steps)).log
    assert {key: a.sort_time_ms for key, a in log.last().items()} == pins_by_hand(steps)
    for key in log.last():
        places = [a.sort_time_ms for a in map(Log.last, ([r] for r in log if r.key == key.encode())) for a in a.values()]
        assert len({place for place in places if place}) <= 1


@given(st.lists(DATED, max_size=10), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_choose_the_winner(steps, random):
    """One content for each version: then whatever comes late or early, the same version and deletion win."""
    steps = [(version, content and f"v{version}", *rest) for version, content, *rest in steps]
    shuffled = random.sample(steps, len(steps))
    first, second = written(raw_log(steps)).log.last(), written(raw_log(shuffled)).log.last()
    assert {k: (a.version, a.deleted, a.text) for k, a in first.items()} == {
        k: (a.version, a.deleted, a.text) for k, a in second.items()
    }


@settings(max_examples=300)
@given(st.lists(ANY, max_size=12), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=4))
def test_crashes_and_rereading_change_nothing(steps, crashes):
    """Killed anywhere, with any older commit, a new worker that knows only the log writes on exactly as if nothing happened."""
    records = raw_log(steps)
    undisturbed = written(records)
    log, at = Log(), 0
    for survived, committed in crashes:
        written(records[at : max(at, survived)], writer=Writer(log))
        at = min(committed, max(at, survived))
    written(records[at:], writer=Writer(log))
    assert [(r.key, r.value) for r in log] == [(r.key, r.value) for r in undisturbed.log]


@given(st.lists(DATED, max_size=10))
def test_replaying_the_whole_input_writes_nothing(steps):
    """The same activities accepted once more, under new offsets and at a later time."""
    writer = written(raw_log(steps))
    before = len(writer.log)
    again = [(version, content, native, published, accepted + 50) for version, content, native, published, accepted in steps]
    written([raw(len(steps) + n, said(*step)) for n, step in enumerate(again)], writer=writer)
    assert len(writer.log) == before


@given(st.lists(ANY, max_size=10))
def test_replaying_undated_input_ends_where_it_ended(steps):
    """Undated versions that alternate are written again, since nobody can tell; what users end up seeing is the same."""
    steps = [(0, *step[1:]) for step in steps]
    writer = written(raw_log(steps))
    before = {key: (a.deleted, a.text, a.sort_time_ms) for key, a in writer.log.last().items()}
    written([raw(len(steps) + n, said(*step)) for n, step in enumerate(steps)], writer=writer)
    assert {key: (a.deleted, a.text, a.sort_time_ms) for key, a in writer.log.last().items()} == before


@settings(max_examples=300)
@given(st.lists(ANY, max_size=12), st.lists(st.sampled_from(["zombie", "owner", "follow"]), max_size=40), st.integers(0, 12))
def test_a_zombie_never_has_the_last_word(steps, turns, taken_over_at):
    """An old writer goes on beside the owner, in any interleaving: the owner ends with the log it would have written alone."""
    records = raw_log(steps)
    log = Log()
    zombie = written(records[:taken_over_at], writer=Writer(log))
    owner = Writer(log)
    zombie_at = owner_at = min(taken_over_at, len(records))
    for turn in turns:
        if turn == "zombie" and zombie_at < len(records):
            zombie.write(records[zombie_at])
            zombie_at += 1
        elif turn == "owner" and owner_at < len(records):
            owner.write(records[owner_at])
            owner_at += 1
        elif turn == "follow":
            owner.follow()
    written(records[owner_at:], writer=owner)
    owner.follow()
    assert owner.follow() == 0
    assert facts(log) == facts(written(records).log)


@given(st.lists(DATED, min_size=1, max_size=10), st.integers(0, 9))
def test_an_old_version_appended_behind_the_winner_is_repaired_by_whoever_reads_the_log_back(steps, which):
    log = written(raw_log(steps)).log
    expected = facts(log)
    log.append(replace(log[which % len(log)], offset=len(log)))
    Writer(log)
    assert facts(log) == expected


def test_what_a_zombie_wrote_ahead_is_put_behind_what_the_owner_wrote_meanwhile():
    """The zombie's version 3 is in the log before the owner, who hasn't seen it, appends version 2."""
    first, second, third = (raw(n, activity(version=n + 1, content=f"v{n + 1}")) for n in range(3))
    log = Log()
    zombie = written([first], writer=Writer(log))
    owner = Writer(log)
    written([second, third], writer=zombie)
    owner.write(second)
    assert owner.follow() == 1
    assert [a.text for a in log.last().values()] == ["v3"]


def test_the_later_of_two_equal_records_is_remembered():
    """Compaction removes the earlier one; a repair must find the winner's bytes."""
    log = written([raw(0, activity())]).log
    log.append(replace(log[0], offset=1))
    winners = Writer(log).winners
    assert winners.table.get(bytes.fromhex(activity().id)).offset == 1
