"""The relations of the users that this worker owns, as the log has them: who follows what, who follows me, what is saved."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from services.contracts.partitions import partition_of
from services.contracts.relation_codec import MarkerKind
from services.contracts.relations import WORD, PersonRelations, Relation, RelationKind
from services.stream.feeds.edge_columns import EdgeColumns, EdgeRow, EdgesOf, Taken
from services.stream.feeds.edge_keys import KIND_BITS, MARK_BITS, OTHER_BITS, Ids, group_of, marks_group, marks_in
from services.stream.feeds.identities import Identities
from services.stream.feeds.interning import InternedNames, Longs
from services.stream.feeds.marks import Marks
from services.stream.feeds.relation_loading import PartitionLoading
from services.stream.feeds.user_marks import UserMarks
from services.stream.feeds.weighted_cache import WeightedCache

# Names that the readers and marks kept at hand may have together; one takes 40 to 120 bytes.
_KEPT_NAMES = 4_000_000
_KEPT_PARTITIONS = 65_536
_OVERHEAD: Final = 16
_NONE: Final[Mapping[str, int]] = {}
_NOTHING_MARKED: Final = UserMarks({})


class _Partition:
    """What one partition of the three topics says."""

    __slots__ = ("inverse", "marks", "relations")

    def __init__(self, loading: PartitionLoading | None = None) -> None:
        self.relations = loading.relations.columns() if loading else EdgeColumns(versioned=False)
        self.inverse = loading.inverse.columns() if loading else EdgeColumns(versioned=True)
        self.marks = loading.marks.marks() if loading else Marks()


class RelationState:
    """Edges and marks by the partition of the user; the record key says which, its timestamp when.

    Everything that concerns one name raises KeyError when the name's partition isn't here.
    """

    def __init__(self, partitions: int, identities: Identities | None = None) -> None:
        """partitions: how many the topics have. identities: which names count as one; call `forget_readers_of` when they change."""
        self.partitions = partitions
        self.identities = identities or Identities()
        self._names = InternedNames()
        self._owned: dict[int, _Partition] = {}
        self._readers: WeightedCache[str, tuple[PersonRelations, PersonRelations]] = WeightedCache(_KEPT_NAMES)
        self._marked: WeightedCache[str, UserMarks] = WeightedCache(_KEPT_NAMES)
        self._partition_of = lru_cache(_KEPT_PARTITIONS)(lambda name: partition_of(name, partitions))

    def partition_of(self, name: str) -> int:
        """Return the partition of an entity name."""
        return self._partition_of(name)

    def owns(self, name: str) -> bool:
        """Return whether the partition of an entity name is here."""
        return self._partition_of(name) in self._owned

    @property
    def owned(self) -> Collection[int]:
        """The partitions that are here."""
        return self._owned.keys()

    def take_over(self, partition: int) -> None:
        """Begin a partition, empty."""
        self._forget_partition(partition)
        self._owned[partition] = _Partition()

    def loading(self) -> PartitionLoading:
        """Return what reads a partition back; `adopt` takes it over when it is complete."""
        return PartitionLoading(self._names)

    def adopt(self, partition: int, loading: PartitionLoading) -> list[Relation]:
        """Take a partition that was read back: nobody sees one that is half read.

        Returns the edges of the inverse side whose last record in the log isn't the one that counts, see `inverse_row`.
        """
        self._forget_partition(partition)
        adopted = self._owned[partition] = _Partition(loading)
        return [self._inverse_relation(edge) for edge in adopted.inverse.overtaken]

    def give_up(self, partition: int) -> None:
        """Forget a partition. Nothing happens when it isn't here."""
        if self._owned.pop(partition, None):
            self._forget_partition(partition)

    def set_relation(self, partition: int, relation: Relation) -> bool:
        """Take an edge; return whether it is new. Repeating it keeps the later time."""
        return self._put_relation(partition, relation, gone=False)

    def remove_relation(self, partition: int, relation: Relation) -> bool:
        """Take an edge back; return whether there was one."""
        return self._put_relation(partition, relation, gone=True)

    def set_inverse(self, partition: int, relation: Relation, version: int = 0) -> bool:
        """Take an edge at its object's side. version: the offset of the record it comes from.

        Returns False, and changes nothing, when that is older than what is known of the edge.
        """
        return self._put_inverse(partition, relation, version, gone=False)

    def remove_inverse(self, partition: int, relation: Relation, version: int = 0) -> bool:
        """Take an edge back at its object's side; as set_inverse. relation.created_ms: when."""
        return self._put_inverse(partition, relation, version, gone=True)

    def inverse_row(self, relation: Relation) -> EdgeRow | None:
        """Return what is known of an edge at its object's side, also when it was taken back lately."""
        group = group_of(self._names.id_of(relation.object), relation.kind)
        return self._of(relation.object).inverse.row(group, self._names.id_of(relation.subject))

    def marks_in(self, keys: Sequence[bytes | None]) -> tuple[Longs, Ids, list[int]]:
        """Return what keys say, see edge_keys; `put_marks` takes their groups."""
        return marks_in(keys, self._names)

    def put_marks(self, partition: int, group: int, marks: Sequence[tuple[bytes, int | None]]) -> str:
        """Take marks of one group, in the order of the log: 16 bytes of each id, and the offset; None takes it back. Returns whose."""
        number, kind = group >> MARK_BITS, MarkerKind(group & ((1 << MARK_BITS) - 1))
        columns, user = self._owned[partition].marks, self._names.name_of(number)
        hers = self._marks_of(columns, user, number)
        if hers is _NOTHING_MARKED:
            hers = UserMarks({})
        marked = hers.of(kind)
        for activity_id, offset in marks:
            if offset is None:
                columns.remove(group, activity_id, marked)
            else:
                columns.add(group, activity_id, marked, offset)
        hers.changed(kind)
        self._marked.put(user, hers, _OVERHEAD + len(hers))
        return user

    def objects(self, subject: str, kind: RelationKind) -> Mapping[str, int]:
        """Return what a user that is owned here follows (is a member of, mutes, blocks, asks to follow) → since when, ms."""
        return self._edges(self._of(subject).relations, subject, kind)

    def subjects(self, obj: str, kind: RelationKind) -> Mapping[str, int]:
        """Return who follows an entity that is owned here → since when, ms."""
        return self._edges(self._of(obj).inverse, obj, kind)

    def counts(self, name: str, kinds: Sequence[RelationKind]) -> tuple[list[int], list[int]]:
        """Return how many subjects and how many objects an entity that is owned here has of each of kinds."""
        partition, number = self._of(name), self._names.known(name)
        if number is None:
            return [0] * len(kinds), [0] * len(kinds)
        groups = [group_of(number, kind) for kind in kinds]
        return partition.inverse.counts(groups), partition.relations.counts(groups)

    def marked(self, user: str, kind: MarkerKind) -> Collection[str]:
        """Return the ids of the activities that a user marked so, for looking up; a live view."""
        return self.marks(user).of(kind)

    def marks(self, user: str) -> UserMarks:
        """Return all that a user marked, for looking up; a live view, but not beyond the next await."""
        marks = self._of(user).marks
        number = self._names.known(user)
        return _NOTHING_MARKED if number is None else self._marks_of(marks, user, number)

    def saved_in_order(self, user: str) -> tuple[Sequence[int], bytes | bytearray]:
        """Return what a user saved in the order of saving, see `Marks.in_order`."""
        marks = self._of(user).marks
        number = self._names.known(user)
        return ((), b"") if number is None else marks.in_order(marks_group(number, MarkerKind.SAVED))

    def reader(self, user: str, *, employee: bool) -> PersonRelations:
        """Return all that `matches` needs to know of a user. It is the same object until her relations change."""
        both = self._readers.get(user)
        return (both or self._read(user))[employee]

    def forget_readers_of(self, names: frozenset[str]) -> None:
        """Take note that names stand for other people than before. O(readers kept at hand)."""
        self._readers.pop_where(lambda user, both: user in names or not all(map(names.isdisjoint, _expanded(both[0]))))

    def _read(self, user: str) -> tuple[PersonRelations, PersonRelations]:
        expanded = self.identities.expanded
        mutes = frozenset(self.objects(user, RelationKind.MUTES))
        words = frozenset(name for name in mutes if name.startswith(WORD))
        reader = PersonRelations(
            user=user,
            follows=expanded(frozenset(self.objects(user, RelationKind.FOLLOWS))),
            groups=frozenset(self.objects(user, RelationKind.MEMBER_OF)),
            mutes=expanded(mutes - words),
            blocks=expanded(frozenset(self.objects(user, RelationKind.BLOCKS))),
            blocked_by=expanded(frozenset(self.subjects(user, RelationKind.BLOCKS))),
            accounts=self.identities.names_of(user) - {user},
            words=frozenset(word.removeprefix(WORD) for word in words),
        )
        both = reader, replace(reader, employee=True)
        self._readers.put(user, both, _OVERHEAD + sum(map(len, (*_expanded(reader), reader.groups, reader.words))))
        return both

    def _put_relation(self, partition: int, relation: Relation, *, gone: bool) -> bool:
        columns, number = self._owned[partition].relations, self._names.id_of
        row = EdgeRow(relation.created_ms // 1000, 0, gone)
        group = group_of(number(relation.subject), relation.kind)
        changed = columns.put(group, number(relation.object), row) is Taken.CHANGED
        if changed and relation.kind is not RelationKind.REQUESTS:
            self._readers.pop(relation.subject)
        return changed

    def _put_inverse(self, partition: int, relation: Relation, version: int, *, gone: bool) -> bool:
        columns, number = self._owned[partition].inverse, self._names.id_of
        row = EdgeRow(relation.created_ms // 1000, version, gone)
        group = group_of(number(relation.object), relation.kind)
        taken = columns.put(group, number(relation.subject), row)
        if taken is Taken.CHANGED and relation.kind is RelationKind.BLOCKS:
            self._readers.pop(relation.object)
        return taken is not Taken.LATE

    def _marks_of(self, marks: Marks, user: str, number: int) -> UserMarks:
        marked = self._marked.get(user)
        if marked is None:
            marked = UserMarks({kind: marks.of(marks_group(number, kind)) for kind in MarkerKind})
            marked = marked if len(marked) else _NOTHING_MARKED
            self._marked.put(user, marked, _OVERHEAD + len(marked))
        return marked

    def _edges(self, columns: EdgeColumns, owner: str, kind: RelationKind) -> Mapping[str, int]:
        number = self._names.known(owner)
        return _NONE if number is None else EdgesOf(columns, group_of(number, kind), self._names)

    def _inverse_relation(self, edge: int) -> Relation:
        group, other = edge >> OTHER_BITS, edge & ((1 << OTHER_BITS) - 1)
        obj, kind = self._names.name_of(group >> KIND_BITS), RelationKind(group & ((1 << KIND_BITS) - 1))
        return Relation(self._names.name_of(other), kind, obj)

    def _forget_partition(self, partition: int) -> None:
        self._readers.pop_where(lambda user, _: self.partition_of(user) == partition)
        self._marked.pop_where(lambda user, _: self.partition_of(user) == partition)

    def _of(self, name: str) -> _Partition:
        return self._owned[self._partition_of(name)]


def _expanded(reader: PersonRelations) -> tuple[frozenset[str], ...]:
    return reader.follows, reader.mutes, reader.blocks, reader.blocked_by
