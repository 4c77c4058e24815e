"""The relations of the users that this worker owns, as the log has them: who follows what, who follows me, what is saved."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from services.contracts.partitions import partition_of
from services.contracts.relation_codec import Marker, MarkerKind
from services.contracts.relations import PersonRelations, Relation, RelationKind

#: far end → when the edge was made, ms since the epoch.
Edges = dict[str, int]

_NONE: Final[Mapping[str, int]] = {}
_NOTHING_MARKED: Final[frozenset[str]] = frozenset()


class _Partition:
    """What one partition of the three topics says."""

    __slots__ = ("inverse", "marked", "relations")

    def __init__(self) -> None:
        self.relations: dict[tuple[str, RelationKind], Edges] = {}
        self.inverse: dict[tuple[str, RelationKind], Edges] = {}
        self.marked: dict[tuple[str, MarkerKind], set[str]] = {}


class RelationState:
    """Edges and markers by the partition of the user. partitions: how many the topics have."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self._owned: dict[int, _Partition] = {}
        self._readers: dict[str, PersonRelations] = {}

    def partition_of(self, name: str) -> int:
        """Return the partition of an entity name."""
        return partition_of(name, self.partitions)

    def owns(self, name: str) -> bool:
        """Return whether the partition of an entity name is here."""
        return self.partition_of(name) in self._owned

    @property
    def owned(self) -> Collection[int]:
        """The partitions that are here."""
        return self._owned.keys()

    def take_over(self, partition: int) -> None:
        """Begin a partition, empty."""
        self._owned[partition] = _Partition()
        self._readers.clear()

    def adopt(self, other: "RelationState") -> None:
        """Take all partitions of another state, at once: nobody sees one that is half read."""
        self._owned |= other._owned  # noqa: SLF001 - of the same class
        self._readers.clear()

    def give_up(self, partition: int) -> None:
        """Forget a partition. Nothing happens when it isn't here."""
        self._owned.pop(partition, None)
        self._readers.clear()

    def set_relation(self, partition: int, relation: Relation) -> bool:
        """Take an edge; return whether it is new. Repeating it keeps the later time."""
        self._readers.pop(relation.subject, None)
        edges = self._owned[partition].relations.setdefault((relation.subject, relation.kind), {})
        return _set(edges, relation.object, relation.created_ms)

    def remove_relation(self, partition: int, relation: Relation) -> bool:
        """Take an edge back; return whether there was one."""
        self._readers.pop(relation.subject, None)
        return _remove(self._owned[partition].relations, (relation.subject, relation.kind), relation.object)

    def set_inverse(self, partition: int, relation: Relation) -> None:
        """Take an edge at its object's side."""
        self._readers.pop(relation.object, None)
        edges = self._owned[partition].inverse.setdefault((relation.object, relation.kind), {})
        _set(edges, relation.subject, relation.created_ms)

    def remove_inverse(self, partition: int, relation: Relation) -> None:
        """Take an edge back at its object's side."""
        self._readers.pop(relation.object, None)
        _remove(self._owned[partition].inverse, (relation.object, relation.kind), relation.subject)

    def set_marker(self, partition: int, marker: Marker) -> None:
        """Take a mark."""
        self._owned[partition].marked.setdefault((marker.user, marker.kind), set()).add(marker.activity_id)

    def remove_marker(self, partition: int, marker: Marker) -> None:
        """Take a mark back."""
        marked = self._owned[partition].marked
        ids = marked.get((marker.user, marker.kind), set())
        ids.discard(marker.activity_id)
        if not ids:
            marked.pop((marker.user, marker.kind), None)

    def objects(self, subject: str, kind: RelationKind) -> Mapping[str, int]:
        """Return what a user that is owned here follows (is a member of, mutes, blocks) → since when."""
        return self._of(subject).relations.get((subject, kind), _NONE)

    def subjects(self, obj: str, kind: RelationKind) -> Mapping[str, int]:
        """Return who follows an entity that is owned here → since when."""
        return self._of(obj).inverse.get((obj, kind), _NONE)

    def marked(self, user: str, kind: MarkerKind) -> Collection[str]:
        """Return the ids of the activities that a user marked so, for looking up."""
        return self._of(user).marked.get((user, kind), _NOTHING_MARKED)

    def reader(self, user: str, *, employee: bool) -> PersonRelations:
        """Return all that `matches` needs to know of a user. Raises KeyError when she isn't owned here."""
        relations = self._readers.get(user)
        if relations is None:
            relations = self._readers[user] = PersonRelations(
                user=user,
                follows=frozenset(self.objects(user, RelationKind.FOLLOWS)),
                groups=frozenset(self.objects(user, RelationKind.MEMBER_OF)),
                mutes=frozenset(self.objects(user, RelationKind.MUTES)),
                blocks=frozenset(self.objects(user, RelationKind.BLOCKS)),
                blocked_by=frozenset(self.subjects(user, RelationKind.BLOCKS)),
            )
        return replace(relations, employee=True) if employee else relations

    def _of(self, name: str) -> _Partition:
        return self._owned[self.partition_of(name)]


def _set(edges: Edges, name: str, created_ms: int) -> bool:
    new = name not in edges
    edges[name] = created_ms
    return new


def _remove(sides: dict[tuple[str, RelationKind], Edges], side: tuple[str, RelationKind], name: str) -> bool:
    edges = sides.get(side, {})
    had = edges.pop(name, None) is not None
    if not edges:
        sides.pop(side, None)
    return had
