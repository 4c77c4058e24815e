"""A person has several names; what concerns one of them concerns all."""

from services.contracts.relations import Relation, RelationKind
from services.stream.feeds.identities import Identities
from services.stream.feeds.relation_state import RelationState


class NamedEdges:
    """The edges of subjects that are owned here to a person under any of her names."""

    def __init__(self, state: RelationState, identities: Identities) -> None:
        self._state = state
        self._identities = identities

    def present(self, subject: str, kind: RelationKind, obj: str) -> bool:
        """Return whether there is such an edge."""
        objects = self._state.objects(subject, kind)
        return any(name in objects for name in self._identities.names_of(obj))

    def to_take_back(self, subject: str, kind: RelationKind, obj: str) -> tuple[Relation, ...]:
        """Return the edges that must go for there to be none: those there are, and those somebody else may just have made."""
        objects = self._state.objects(subject, kind)
        there = [name for name in self._identities.names_of(obj) if name in objects]
        return tuple(Relation(subject, kind, name) for name in sorted({obj, self._identities.person_of(obj), *there}))
