"""What the log of interactions ends up saying is what the activities that stand are on, whatever happens on the way."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.activity import Audience, Object, Scope, Verb
from services.contracts.interactions import Interaction
from tests.unit.stream.refine.refine_steps import DAY, Log, Writer, activity, raw

NOTE, OTHER_NOTE = activity("a note").id, activity("another note").id
AUDIENCES = {"all": Audience(Scope.PUBLIC), "platform": Audience(Scope.GROUP, groups=("group:platform",))}
VERBS = {"like": Verb.LIKE, "share": Verb.SHARE, "comment": Verb.COMMENT, "answer": Verb.POST}

# version (0: undated), what is done (None: deleted), on what, for whom, native id
STEPS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from([None, "like", "share", "comment", "answer", "post"]),
        st.sampled_from([NOTE, OTHER_NOTE]),
        st.sampled_from(sorted(AUDIENCES)),
        st.sampled_from("xxy"),
    ),
    max_size=12,
)


def said(version, act, obj, audience, native_id):
    """Return an activity that is on obj, if it is on anything."""
    base = activity(native_id, f"<p>{act}</p>", version=version, audience=AUDIENCES[audience])
    if act is None:
        return replace(base.as_deleted(version), accepted_ms=DAY + 1000)
    if act in ("like", "share"):
        return replace(base, verb=VERBS[act], object=Object(content="<p>!</p>", activity_id=obj))
    return replace(base, verb=VERBS.get(act, Verb.POST), in_reply_to="" if act == "post" else obj)


def raw_log(steps):
    return [raw(offset, said(*step)) for offset, step in enumerate(steps)]


def written(records, writer=None):
    writer = writer or Writer(Log())
    for record in records:
        writer.write(record)
    return writer


def edges_by_hand(log):
    """Return what the activities that stand are on, told from the activities alone."""
    found = set()
    for a in log.last().values():
        if a.deleted:
            continue
        if a.verb in (Verb.LIKE, Verb.SHARE):
            found.add((a.object.activity_id, a.verb, a.id, a.actor.name, a.audience, a.sort_time_ms, a.version))
        elif a.in_reply_to:
            found.add((a.in_reply_to, Verb.COMMENT, a.id, a.actor.name, a.audience, a.sort_time_ms, a.version))
    return found


def edges_told(log):
    return {tuple(interaction) for interaction in log.edges().values()}


def test_a_like_is_told_at_the_side_of_what_it_is_on():
    """Key and value carry all that counting and telling the author need."""
    like = said(3, "like", NOTE, "platform", "x")
    log = written([raw(0, like)]).log
    assert log.edges() == {
        f"{NOTE}\tLIKE\t{like.id}".encode(): Interaction(NOTE, Verb.LIKE, like.id, "person:anna", AUDIENCES["platform"], DAY, 3)
    }
    assert {record.object_id for record in log.interactions} == {NOTE}


def test_a_post_says_nothing_to_anybody():
    assert written([raw(0, said(1, "post", NOTE, "all", "x"))]).log.interactions == []


def test_nothing_is_on_itself():
    """A source that names a share's own id as its object would count it as shared by itself."""
    own = replace(activity("x"), verb=Verb.SHARE)
    own = replace(own, object=replace(own.object, activity_id=own.id))
    assert written([raw(0, own)]).log.interactions == []


def test_what_is_deleted_or_moved_is_taken_back_where_it_was():
    steps = [said(1, "like", NOTE, "all", "x"), said(2, "like", OTHER_NOTE, "all", "x"), said(3, None, NOTE, "all", "x")]
    for last, objects in ((2, {OTHER_NOTE}), (3, set())):
        log = written(raw(n, step) for n, step in enumerate(steps[:last])).log
        assert {interaction.object_id for interaction in log.edges().values()} == objects
    assert [record.value is None for record in log.interactions] == [False, True, False, True]


@given(STEPS)
def test_edges_are_those_of_the_activities_that_stand(steps):
    log = written(raw_log(steps)).log
    assert edges_told(log) == edges_by_hand(log)


@given(STEPS, st.integers(1, 12))
def test_slices_of_any_size_tell_the_same(steps, size):
    records = raw_log(steps)
    writer = Writer(Log())
    for first in range(0, len(records), size):
        writer.write(*records[first : first + size])
    assert edges_told(writer.log) == edges_told(written(records).log)


@given(STEPS)
def test_a_replay_says_nothing_again(steps):
    """The same dated activities accepted once more."""
    steps = [(max(1, version), *rest) for version, *rest in steps]
    writer = written(raw_log(steps))
    before = len(writer.log.interactions)
    written([raw(len(steps) + n, said(*step)) for n, step in enumerate(steps)], writer)
    assert len(writer.log.interactions) == before


@settings(max_examples=300)
@given(STEPS, st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), st.integers(0, 12)), max_size=4))
def test_a_crash_between_the_two_topics_is_made_good_by_the_next_owner(steps, crashes):
    """Whoever died had said what some activities are on, and not the activities; an older commit is read again, too."""
    records, log, at = raw_log(steps), Log(), 0
    for ahead, begun, committed in crashes:
        writer, survived = Writer(log), max(at, ahead)
        written(records[at:survived], writer)
        if rest := records[survived : survived + begun]:
            writer.begin(*rest)
        at = min(committed, survived, len(records))
    written(records[at:], Writer(log))
    assert edges_told(log) == edges_by_hand(log)


class Halves:
    """A writer that is overtaken between its two appends."""

    def __init__(self, writer, records):
        self.writer, self.records, self.begun = writer, list(records), None

    def step(self):
        if self.begun is not None:
            self.writer.finish(self.begun)
            self.begun = None
        elif self.records:
            self.begun = self.writer.begin(self.records.pop(0))

    def finish(self):
        while self.records or self.begun is not None:
            self.step()


@settings(max_examples=1000)
@given(STEPS, st.lists(st.sampled_from(["zombie", "owner", "follow", "next owner"]), max_size=50), st.integers(0, 12))
def test_a_zombie_never_has_the_last_word_on_what_is_on_what(steps, turns, taken_over_at):
    """An old writer goes on beside the owner, each overtaken anywhere: where activities are put right, so is what they are on."""
    records, log = raw_log(steps), Log()
    zombie = Halves(written(records[:taken_over_at], Writer(log)), records[taken_over_at:])
    owner = Halves(Writer(log), records[taken_over_at:])
    for turn in turns:
        if turn == "zombie":
            zombie.step()
        elif turn == "owner":
            owner.step()
        elif owner.begun is None:
            if turn == "next owner":
                # Nobody has looked at what the zombie wrote meanwhile.
                owner.writer = Writer(log)
            owner.writer.follow()
    if zombie.begun is not None:
        zombie.step()
    owner.finish()
    owner.writer.follow()
    assert owner.writer.follow() == 0
    assert edges_told(log) == edges_by_hand(log)
    # Whoever reads everything back finds nothing to put right.
    assert Writer(log).follow() == 0


@given(STEPS)
def test_the_state_that_is_read_back_knows_what_everything_is_on(steps):
    """A delete after a restart names only the activity: what it takes back comes from the log."""
    log = written(raw_log(steps)).log
    deletes = [raw(100 + n, said(9, None, NOTE, "all", native_id)) for n, native_id in enumerate("xy")]
    written(deletes, Writer(log))
    assert log.edges() == {}
