"""What a change of relations or identities does to readers, and to which."""

import pytest

from services.contracts.relation_codec import Identity
from services.contracts.relations import Relation, RelationKind
from services.stream.feeds.engine import EngineLimits, FeedEngine
from services.stream.feeds.identities import Identities
from services.stream.feeds.intake import Intake
from services.stream.feeds.relation_state import RelationState
from tests.unit.stream.feeds.relation_records import FakeRecord, inverse_record, relation_record

ANNA, BEN, CARL, EVE = "person:anna", "person:ben", "person:carl", "person:eve"
EVES = "person:eve@social.example"
FOLLOWS, MEMBER_OF, MUTES, BLOCKS = RelationKind.FOLLOWS, RelationKind.MEMBER_OF, RelationKind.MUTES, RelationKind.BLOCKS


class Worker:
    """State, engine and intake of one partition."""

    def __init__(self):
        self.identities = Identities()
        self.state = RelationState(1, self.identities)
        self.state.take_over(0)
        self.engine = FeedEngine(EngineLimits(capacity=4, rows=4, body_bytes=1000))
        self.intake = Intake(self.state, self.engine)
        self.renamed = []
        self._set_names = self.engine.set_names
        self.engine.set_names = self.set_names

    def set_names(self, user, names):
        self.renamed.append(user)
        self._set_names(user, names)

    def relate(self, *edges, gone=False):
        return self.intake.relations([relation_record(Relation(*edge), 0, gone=gone) for edge in edges])

    def activate(self, user):
        names = self.state.reader(user, employee=False).follows | {user}
        self.engine.activate(user, employee=False, candidates=[], floor=None, names=names, likes=[], now=0.0)
        self.renamed.clear()

    def link(self, account, person):
        changed = self.identities.set(Identity(account, person)) if person else self.identities.remove(account)
        self.intake.identities(changed)

    def names(self, user):
        return self.engine.readers.get(user).names


@pytest.fixture
def worker():
    """A worker that owns everybody."""
    return Worker()


def test_a_follow_and_an_unfollow_change_the_names_and_keep_the_timeline(worker):
    """A follow is filled in, an unfollow narrows; nothing that is there is thrown away for it."""
    worker.activate(ANNA)
    worker.relate((ANNA, FOLLOWS, BEN))
    assert BEN in worker.names(ANNA)
    worker.relate((ANNA, FOLLOWS, BEN), gone=True)
    assert BEN not in worker.names(ANNA)


def test_who_joins_a_group_is_built_anew_and_who_leaves_is_not(worker):
    """What she may read now, her timeline lacks under names that it had all along."""
    worker.activate(ANNA)
    worker.relate((ANNA, MEMBER_OF, "group:g"))
    assert worker.engine.readers.get(ANNA) is None
    worker.activate(ANNA)
    worker.relate((ANNA, MEMBER_OF, "group:g"), gone=True)
    assert "group:g" not in worker.names(ANNA)


def test_a_batch_renames_a_reader_once(worker):
    """Somebody who imports a thousand follows costs one rename a batch, and nobody who isn't active costs any."""
    worker.activate(ANNA)
    worker.relate(*((ANNA, FOLLOWS, f"person:{number}") for number in range(100)), (BEN, FOLLOWS, EVE))
    assert worker.renamed == [ANNA]
    assert len(worker.names(ANNA) & {f"person:{number}" for number in range(100)}) == 100


def test_repeating_an_edge_renames_nobody(worker):
    worker.relate((ANNA, FOLLOWS, BEN))
    worker.activate(ANNA)
    worker.relate((ANNA, FOLLOWS, BEN))
    assert worker.renamed == []


def test_an_identity_renames_exactly_those_whom_it_concerns(worker):
    """Anna follows the person, Ben her account; Carl follows somebody else."""
    worker.relate((ANNA, FOLLOWS, EVE), (BEN, FOLLOWS, EVES), (CARL, FOLLOWS, ANNA))
    for user in (ANNA, BEN, CARL):
        worker.activate(user)
    carl = worker.state.reader(CARL, employee=False)
    worker.link(EVES, EVE)
    assert sorted(worker.renamed) == [ANNA, BEN]
    assert {EVE, EVES} <= worker.names(ANNA) & worker.names(BEN)
    assert worker.state.reader(CARL, employee=False) is carl
    worker.renamed.clear()
    worker.link(EVES, None)
    assert sorted(worker.renamed) == [ANNA, BEN]
    assert EVES not in worker.names(ANNA)
    assert EVE not in worker.names(BEN)


def test_all_accounts_of_a_person_count_as_one(worker):
    """Mutes and blocks of either side, by whichever name; groups stay literal, words too."""
    worker.relate((ANNA, MUTES, EVES), (ANNA, BLOCKS, EVE), (ANNA, MUTES, "word:eve"), (ANNA, MEMBER_OF, "group:g"))
    worker.intake.inverse([inverse_record(Relation(EVES, BLOCKS, ANNA), 0)])
    assert EVE not in worker.state.reader(ANNA, employee=True).blocked_by
    worker.link(EVES, EVE)
    reader = worker.state.reader(ANNA, employee=True)
    assert reader.mutes == reader.blocks == reader.blocked_by == {EVE, EVES}
    assert (reader.words, reader.groups, reader.accounts) == ({"eve"}, {"group:g"}, frozenset())
    assert worker.state.reader(EVE, employee=False).accounts == {EVES}
    assert worker.state.reader(EVES, employee=False).accounts == {EVE}


def test_a_reader_is_the_same_object_until_her_relations_change(worker):
    """What is derived from it can be kept beside it; both kinds of callers are kept at hand."""
    worker.relate((ANNA, FOLLOWS, BEN), (BEN, FOLLOWS, ANNA))
    anna, employee = (worker.state.reader(ANNA, employee=employee) for employee in (False, True))
    ben = worker.state.reader(BEN, employee=False)
    worker.intake.inverse([inverse_record(Relation(CARL, FOLLOWS, ANNA), 0)])
    worker.relate((ANNA, RelationKind.REQUESTS, CARL))
    assert worker.state.reader(ANNA, employee=False) is anna
    assert worker.state.reader(ANNA, employee=True) is employee
    worker.intake.inverse([inverse_record(Relation(CARL, BLOCKS, ANNA), 0)])
    assert worker.state.reader(ANNA, employee=False).blocked_by == {CARL}
    assert worker.state.reader(BEN, employee=False) is ben


def test_what_cant_be_understood_is_handed_back_and_the_rest_counts(worker):
    """One poison record must not keep what comes after it."""
    good = relation_record(Relation(ANNA, FOLLOWS, BEN), 0)
    poison = [FakeRecord(good.topic, 0, 0, 0, key, b"x") for key in (None, b"", b"a\tb", b"\xff\tFOLLOWS\tb", b"a\tNONSENSE\tb")]
    taken = worker.intake.relations([*poison[:2], good, *poison[2:]])
    assert [record for record, _ in taken.poison] == poison
    assert set(worker.state.objects(ANNA, FOLLOWS)) == {BEN}
    marks = [FakeRecord("m", 0, 0, 0, f"{ANNA}\tSAVED\t{text}".encode(), b"x") for text in ("", "0" * 31, "A" * 32, " " * 32)]
    assert [record for record, _ in worker.intake.markers(marks).poison] == marks
    assert [record for record, _ in worker.intake.inverse(poison).poison] == poison


def test_a_partition_that_isnt_here_is_our_mistake(worker):
    """No record is to blame for it, so it must not end up among the dead letters."""
    with pytest.raises(KeyError):
        worker.intake.relations([relation_record(Relation(ANNA, FOLLOWS, BEN), 7)])
