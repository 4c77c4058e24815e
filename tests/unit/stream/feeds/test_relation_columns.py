"""Relations as columns against relations as dicts, over any log: duplicates, tombstones, late ones, merges, restarts, moves."""

import os
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.contracts.partitions import partition_of
from services.contracts.relation_codec import Marker, MarkerKind
from services.contracts.relations import PersonRelations, Relation, RelationKind
from services.stream.feeds import edge_columns
from services.stream.feeds.engine import EngineLimits, FeedEngine
from services.stream.feeds.intake import Intake, relation_offset
from services.stream.feeds.inverse_records import InverseRecords
from services.stream.feeds.relation_state import RelationState
from tests.unit.stream.feeds.relation_records import FakeRecord, inverse_record, marker_record, relation_record

PARTITIONS = 3
PEOPLE = ["person:a", "person:ä", "person:c d", "person:e"]
NAMES = [*PEOPLE, "group:g", "tag:x", "word:two words"]
IDS = [f"{number:032x}" for number in (0, 1, 2**64, 2**128 - 1)]
MARKS = list(MarkerKind)
DAY_S = edge_columns.REMEMBERED_S

people = st.sampled_from(PEOPLE)
kinds = st.sampled_from(RelationKind)
names = st.sampled_from(NAMES)


class Log:
    """Records of one topic, by partition."""

    def __init__(self) -> None:
        self.records: dict[int, list[FakeRecord]] = defaultdict(list)

    def append(self, record: FakeRecord) -> FakeRecord:
        records = self.records[record.partition]
        record = FakeRecord(*(getattr(record, name) for name in record.__slots__[:2]), len(records), *_rest(record))
        records.append(record)
        return record


def _rest(record):
    return (record.timestamp, record.key, record.value, record.headers)


class ReadBack:
    """Some records as columns."""

    def __init__(self, records) -> None:
        self.offsets = np.array([record.offset for record in records], np.int64)
        self.timestamps = np.array([record.timestamp for record in records], np.int64)
        self.present = np.array([record.value is not None for record in records], np.bool_)
        self.keys = [record.key for record in records]
        self.versions = np.array([relation_offset(record.headers) for record in records], np.int64)


class Model:
    """The same in dicts, as one would write it down."""

    def __init__(self) -> None:
        self.objects: dict[tuple, dict[str, int]] = defaultdict(dict)
        self.subjects: dict[tuple, dict[str, tuple[int, int | None]]] = defaultdict(dict)
        self.marks: dict[tuple, set[str]] = defaultdict(set)

    def relation(self, edge: Relation, *, gone: bool) -> None:
        objects = self.objects[edge.subject, edge.kind]
        objects.pop(edge.object, None)
        if not gone:
            objects[edge.object] = edge.created_ms // 1000 * 1000

    def inverse(self, edge: Relation, version: int, *, gone: bool) -> bool:
        subjects = self.subjects[edge.object, edge.kind]
        if version < subjects.get(edge.subject, (0, None))[0]:
            return False
        subjects[edge.subject] = (version, None if gone else edge.created_ms // 1000 * 1000)
        return True

    def present(self, obj: str, kind: RelationKind) -> dict[str, int]:
        return {name: since for name, (_, since) in self.subjects[obj, kind].items() if since is not None}

    def reader(self, user: str, *, employee: bool) -> PersonRelations:
        mutes = self.objects[user, RelationKind.MUTES]
        return PersonRelations(
            user,
            employee,
            follows=frozenset(self.objects[user, RelationKind.FOLLOWS]),
            groups=frozenset(self.objects[user, RelationKind.MEMBER_OF]),
            mutes=frozenset(name for name in mutes if not name.startswith("word:")),
            blocks=frozenset(self.objects[user, RelationKind.BLOCKS]),
            blocked_by=frozenset(self.present(user, RelationKind.BLOCKS)),
            words=frozenset(name[5:] for name in mutes if name.startswith("word:")),
        )


class Columns(RuleBasedStateMachine):
    """A log of edges and marks, a worker that follows it, and dicts beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.relations, self.inverse, self.markers = Log(), Log(), Log()
        self.model = Model()
        self.now_ms = 1_795_469_020_000
        self.start()

    def start(self) -> None:
        self.state = RelationState(PARTITIONS)
        self.intake = Intake(self.state, FeedEngine(EngineLimits(capacity=1, rows=1, body_bytes=1)))
        for partition in range(PARTITIONS):
            self.state.take_over(partition)

    @initialize()
    def begin(self) -> None:
        """Merge after every few edges, so that there is always something on both sides of a merge."""
        self.few, edge_columns._FEWEST_RECENT = edge_columns._FEWEST_RECENT, 4

    def teardown(self) -> None:
        edge_columns._FEWEST_RECENT = self.few

    def partition(self, name: str) -> int:
        return partition_of(name, PARTITIONS)

    @rule(subject=people, kind=kinds, obj=names, gone=st.booleans(), later_ms=st.integers(0, 5000))
    def edge(self, subject, kind, obj, gone, later_ms) -> None:
        """A change, and what its owner derives from it."""
        self.now_ms += later_ms
        edge = Relation(subject, kind, obj, self.now_ms)
        record = self.relations.append(relation_record(edge, self.partition(subject), gone=gone))
        self.model.relation(edge, gone=gone)
        assert not self.intake.relations([record]).poison
        self.derive(edge, record.offset, gone=gone)

    def derive(self, edge: Relation, version: int, *, gone: bool) -> None:
        record = self.inverse.append(inverse_record(edge, self.partition(edge.object), gone=gone, version=version))
        counts = self.model.inverse(edge, version, gone=gone)
        taken = self.intake.inverse([record])
        overtaken = [(relation.subject, relation.kind, relation.object) for relation in taken.overtaken]
        assert overtaken == ([] if counts else [(edge.subject, edge.kind, edge.object)])
        self.repeat(taken.overtaken)

    def repeat(self, overtaken) -> None:
        """The owner has the log say last what counts."""
        for relation in overtaken:
            outgoing = InverseRecords(self.state).repeated(relation)
            again = FakeRecord(
                outgoing.topic, outgoing.partition, 0, self.now_ms, outgoing.key, outgoing.value, tuple(outgoing.headers)
            )
            row = self.state.inverse_row(relation)
            self.model.inverse(
                Relation(relation.subject, relation.kind, relation.object, self.now_ms), row.version, gone=row.gone
            )
            assert not self.intake.inverse([self.inverse.append(again)]).overtaken

    @rule(place=st.integers(0, 10**6), again=st.booleans())
    def a_writer_that_lost_its_place_writes(self, place, again) -> None:
        """It derives once more what was derived long ago."""
        everything = [record for partition in range(PARTITIONS) for record in self.relations.records[partition]]
        if not everything:
            return
        record = everything[place % len(everything)]
        subject, kind, obj = record.key.decode().split("\t")
        for _ in range(1 + again):
            edge = Relation(subject, RelationKind[kind], obj, self.now_ms)
            self.derive(edge, record.offset, gone=record.value is None)

    @rule(user=people, kind=st.sampled_from(MARKS), activity_id=st.sampled_from(IDS), gone=st.booleans())
    def mark(self, user, kind, activity_id, gone) -> None:
        marker = Marker(user, kind, activity_id, self.now_ms)
        marks = self.model.marks[user, kind]
        (marks.discard if gone else marks.add)(activity_id)
        record = self.markers.append(marker_record(marker, self.partition(user), gone=gone))
        assert not self.intake.markers([record]).poison

    @rule(partition=st.integers(0, PARTITIONS - 1), chunk=st.integers(1, 5), compacted=st.booleans())
    def move_away_and_come_back(self, partition, chunk, compacted) -> None:
        """A partition is given up, and read back as columns, from a log that may be compacted."""
        self.state.give_up(partition)
        assert not any(self.state.owns(name) for name in NAMES if self.partition(name) == partition)
        loading = self.state.loading()
        topics = (self.relations, loading.relations), (self.inverse, loading.inverse), (self.markers, loading.marks)
        for log, part in topics:
            records = log.records[partition]
            if compacted:
                records = list({record.key: record for record in records}.values())
                records.sort(key=lambda record: record.offset)
            for at in range(0, len(records), chunk):
                columns = ReadBack(records[at : at + chunk])
                versions = (columns.versions,) if log is self.inverse else ()
                assert list(part.take(columns, *versions)) == []
        assert self.state.adopt(partition, loading) == []

    @rule(partition=st.integers(0, PARTITIONS - 1))
    def merge(self, partition) -> None:
        self.state._owned[partition].relations.merge()
        self.state._owned[partition].inverse.merge()

    @invariant()
    def columns_say_what_dicts_say(self) -> None:
        for name in PEOPLE:
            for kind in RelationKind:
                _same(self.state.objects(name, kind), self.model.objects[name, kind])
            for kind in MARKS:
                assert self.state.marked(name, kind) == self.model.marks[name, kind]
            for employee in (False, True):
                assert self.state.reader(name, employee=employee) == self.model.reader(name, employee=employee)
        for name in NAMES:
            for kind in RelationKind:
                _same(self.state.subjects(name, kind), self.model.present(name, kind), times=False)
            if self.state.owns(name):
                subjects = [len(self.model.present(name, kind)) for kind in RelationKind]
                objects = [len(self.model.objects[name, kind]) for kind in RelationKind]
                assert self.state.counts(name, [*RelationKind]) == (subjects, objects)


def _same(view, expected, *, times=True) -> None:
    assert len(view) == len(expected)
    assert sorted(view) == sorted(expected)
    for name in NAMES:
        assert (name in view) == (name in expected)
        if times:
            assert view.get(name) == expected.get(name)


LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
Columns.TestCase.settings = settings(
    max_examples=2000 if LONG else 100,
    stateful_step_count=60 if LONG else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestColumns = Columns.TestCase
TestColumns.pytestmark = pytest.mark.timeout(7200 if LONG else 300)


@given(st.lists(st.tuples(people, kinds, names, st.integers(0, 20)), max_size=40))
def test_a_late_record_read_back_is_overtaken_and_told(rows):
    """Read back in any order of versions, the highest of an edge counts, and where the log ends with another it is told."""
    state, model = RelationState(1), Model()
    records, last = [], {}
    for subject, kind, obj, version in rows:
        # One relation record says one thing, however often it is derived.
        edge, gone = Relation(subject, kind, obj, 1_795_469_020_000), version % 3 == 0
        records.append(inverse_record(edge, 0, gone=gone, version=version))
        model.inverse(edge, version, gone=gone)
        last[subject, kind, obj] = version
    loading = state.loading()
    columns = ReadBack(records)
    loading.inverse.take(columns, columns.versions)
    overtaken = state.adopt(0, loading)
    wanted = {key for key, version in last.items() if version < model.subjects[key[2], key[1]][key[0]][0]}
    assert {(edge.subject, edge.kind, edge.object) for edge in overtaken} == wanted
    for name in NAMES:
        for kind in RelationKind:
            assert set(state.subjects(name, kind)) == set(model.present(name, kind))


def test_an_edge_that_is_gone_is_remembered_for_a_day():
    """Who lost its place writes late within that time; to remember for ever would fill the memory with who unfollowed."""
    columns, group = edge_columns.EdgeColumns(versioned=True), 1
    columns.put(group, 2, edge_columns.EdgeRow(at_s=1000, version=7, gone=True))
    columns.put(group, 3, edge_columns.EdgeRow(at_s=1000 + DAY_S, version=8, gone=False))
    columns.merge()
    assert columns.put(group, 2, edge_columns.EdgeRow(at_s=1000 + DAY_S, version=6, gone=False)) is edge_columns.Taken.LATE
    columns.put(group, 3, edge_columns.EdgeRow(at_s=1001 + DAY_S, version=9, gone=False))
    columns.merge()
    assert columns.row(group, 2) is None


def test_without_versions_nothing_that_is_gone_is_remembered():
    columns, group = edge_columns.EdgeColumns(versioned=False), 1
    columns.put(group, 2, edge_columns.EdgeRow(at_s=1000, version=0, gone=True))
    columns.merge()
    assert columns.row(group, 2) is None


def test_many_changes_are_merged_by_themselves():
    """What lies beside the columns stays small, however many followers one name gets."""
    columns, group = edge_columns.EdgeColumns(versioned=True), 1
    for other in range(20_000):
        columns.put(group, other, edge_columns.EdgeRow(at_s=1000, version=other, gone=False))
    assert columns._count <= edge_columns._MOST_RECENT
    assert columns.count(group) == len(columns.others(group)) == 20_000
