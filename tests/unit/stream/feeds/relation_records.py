"""Records of the relation topics, as a consumer delivers them."""

from dataclasses import dataclass

from services.contracts.cloud_events import RELATION_OFFSET
from services.contracts.relation_codec import Marker, marker_to_bytes, relation_to_bytes
from services.contracts.relations import Relation
from services.contracts.topics import MARKERS, RELATIONS, RELATIONS_INVERSE


@dataclass(frozen=True, slots=True)
class FakeRecord:
    """See services.runtime.records.Record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def relation_record(relation: Relation, partition: int, offset: int = 0, *, gone: bool = False) -> FakeRecord:
    """Return a record of sluice.relations.v1."""
    value = None if gone else relation_to_bytes(relation)
    return FakeRecord(RELATIONS.name, partition, offset, relation.created_ms, relation.key, value)


def inverse_record(
    relation: Relation, partition: int, offset: int = 0, *, gone: bool = False, version: int | None = None
) -> FakeRecord:
    """Return a record of sluice.relations.inverse.v1. version: the offset of the relation record; None: it doesn't say."""
    value = None if gone else relation_to_bytes(relation)
    headers = () if version is None else ((RELATION_OFFSET, str(version).encode()),)
    return FakeRecord(RELATIONS_INVERSE.name, partition, offset, relation.created_ms, relation.inverse_key, value, headers)


def marker_record(marker: Marker, partition: int, offset: int = 0, *, gone: bool = False) -> FakeRecord:
    """Return a record of sluice.markers.v1."""
    value = None if gone else marker_to_bytes(marker)
    return FakeRecord(MARKERS.name, partition, offset, marker.created_ms, marker.key, value)
