"""Applying records of the relation topics: the state changes, and the engine learns which timelines that concerns."""

from services.contracts.codec import UndecodableRecord
from services.contracts.matching import delivery_names
from services.contracts.relation_codec import marker_of_key, relation_from_bytes
from services.contracts.relations import Relation, RelationKind, relation_of_inverse_key, relation_of_key
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.relation_state import RelationState

# These decide what is delivered to a reader; mutes and blocks only hide, which reading does.
_DELIVERING = frozenset({RelationKind.FOLLOWS, RelationKind.MEMBER_OF})


class Intake:
    """Takes records one by one, in the order of their partition; the same again changes nothing.

    key: the record's key; value: None takes back. All raise ValueError for a record that can't be understood (then nothing
    has changed) and KeyError for a partition that isn't owned.
    """

    def __init__(self, state: RelationState, engine: FeedEngine) -> None:
        self._state = state
        self._engine = engine

    def relation(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take a record of sluice.relations.v1."""
        relation = relation_of_key(key)
        if value is not None:
            added = self._state.set_relation(partition, _of_the_key(value, relation))
            if added and relation.kind is RelationKind.MEMBER_OF:
                # Her timeline lacks what she now may read; the next read builds it with that.
                self._engine.evict(relation.subject)
            elif added and relation.kind is RelationKind.FOLLOWS:
                self._rename(relation.subject)
        elif self._state.remove_relation(partition, relation):
            self._rename(relation.subject)

    def _rename(self, user: str) -> None:
        if self._engine.readers.get(user):
            self._engine.set_names(user, delivery_names(self._state.reader(user, employee=False)))

    def inverse(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take a record of sluice.relations.inverse.v1."""
        relation = relation_of_inverse_key(key)
        if value is not None:
            self._state.set_inverse(partition, _of_the_key(value, relation))
        else:
            self._state.remove_inverse(partition, relation)

    def marker(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take a record of sluice.markers.v1; only the key says anything."""
        marker = marker_of_key(key)
        if value is not None:
            self._state.set_marker(partition, marker)
        else:
            self._state.remove_marker(partition, marker)


def _of_the_key(value: bytes, named: Relation) -> Relation:
    relation = relation_from_bytes(value)
    if relation.key != named.key:
        raise UndecodableRecord("the relation in the value is not that of the key")
    return relation
