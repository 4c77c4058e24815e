"""The records of sluice.relations.inverse.v1. Whoever makes one of the same relation record makes the same bytes."""

from services.contracts.cloud_events import RELATED, RELATION_OFFSET, cloud_event
from services.contracts.relation_codec import relation_to_bytes
from services.contracts.relations import Relation, relation_of_key
from services.contracts.topics import RELATIONS, RELATIONS_INVERSE
from services.runtime.records import Outgoing, Record
from services.stream.feeds.edge_columns import EdgeRow
from services.stream.feeds.relation_state import RelationState


class InverseRecords:
    """Makes them, unless what is known of an edge at its object's side says that there is no need."""

    def __init__(self, state: RelationState) -> None:
        self._state = state

    def derived(self, record: Record) -> Outgoing | None:
        """Return the inverse of a relation record, None where it is in force already or the record's key names no edge.

        Where the object's side is elsewhere nothing is known of it, and the inverse is made.
        """
        try:
            relation = relation_of_key(record.key or b"")
        except ValueError:
            return None
        known = self._state.inverse_row(relation) if self._state.owns(relation.object) else None
        if known is not None and known.version >= record.offset:
            return None
        return self._outgoing(relation, record.value, record.offset, record.timestamp)

    def repeated(self, relation: Relation) -> Outgoing | None:
        """Return the record that counts of an edge which a late one has overtaken in the log; None when nothing is known of it."""
        row: EdgeRow | None = self._state.inverse_row(relation)
        if row is None:
            return None
        at_ms = row.at_s * 1000
        value = None if row.gone else relation_to_bytes(Relation(relation.subject, relation.kind, relation.object, at_ms))
        return self._outgoing(relation, value, row.version, at_ms)

    def _outgoing(self, relation: Relation, value: bytes | None, offset: int, at_ms: int) -> Outgoing:
        origin = f"{RELATIONS.name}/{self._state.partition_of(relation.subject)}/{offset}"
        event = cloud_event(event_type=RELATED, event_id=origin, source="feeds", subject=relation.subject, time_ms=at_ms)
        headers = [(RELATION_OFFSET, str(offset).encode()), *event]
        partition = self._state.partition_of(relation.object)
        return Outgoing(RELATIONS_INVERSE.name, relation.inverse_key, value, headers, partition)
