"""Edges as records of the log, for workers that read them back."""

from collections.abc import Iterable, Iterator, Sequence

from bench.activities import BEGIN_MS, LogRecord
from bench.house import PARTITIONS
from bench.population import user_name
from services.contracts.partitions import partition_of
from services.contracts.relation_codec import relation_to_bytes
from services.contracts.relations import Relation, RelationKind
from services.contracts.topics import RELATIONS


def follows(users: Iterable[int], followed: Sequence[Sequence[str]]) -> Iterator[LogRecord]:
    """Yield the edges of users. followed: names for each user there is."""
    for user in users:
        name = user_name(user)
        partition = partition_of(name, PARTITIONS)
        for obj in followed[user]:
            relation = Relation(name, RelationKind.FOLLOWS, obj, BEGIN_MS)
            yield LogRecord(RELATIONS.name, partition, 0, 0, relation.key, relation_to_bytes(relation))
