"""Edges as records of the log, for workers that read them back."""

from collections.abc import Iterable, Iterator, Sequence

from bench.activities import BEGIN_MS, LogRecord
from bench.house import PARTITIONS
from bench.population import user_name
from services.contracts.partitions import partition_of
from services.contracts.relation_codec import relation_to_bytes
from services.contracts.relations import Relation, RelationKind
from services.contracts.topics import RELATIONS


def edge(subject: str, kind: RelationKind, obj: str) -> LogRecord:
    """Return one edge. Entity names; a record for the partition of its subject."""
    relation = Relation(subject, kind, obj, BEGIN_MS)
    return LogRecord(RELATIONS.name, partition_of(subject, PARTITIONS), 0, 0, relation.key, relation_to_bytes(relation))


def edges_of(subject: str, kind: RelationKind, objects: Iterable[str]) -> Iterator[LogRecord]:
    """Yield edges of one kind."""
    return (edge(subject, kind, obj) for obj in objects)


def follows(users: Iterable[int], followed: Sequence[Sequence[str]]) -> Iterator[LogRecord]:
    """Yield what users follow. followed: names for each user there is."""
    for user in users:
        yield from edges_of(user_name(user), RelationKind.FOLLOWS, followed[user])
