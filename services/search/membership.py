"""Who is a member of which groups, folded from the relations log alone: a token's claim would outlive a leave."""

from sys import intern

from services.contracts.relations import RelationKind, relation_of_key


class Membership:
    """The members' groups. Taking the same records again, in the same order, changes nothing."""

    def __init__(self) -> None:
        self._groups: dict[str, set[str]] = {}

    def take(self, key: bytes, value: bytes | None) -> None:
        """Apply one record of `sluice.relations.v1`; None is a tombstone: the edge is taken back.

        Raises ValueError where the key is no edge's. The key says all that counts, so a value is not read.
        """
        edge = relation_of_key(key)
        if edge.kind is not RelationKind.MEMBER_OF:
            return
        if value is not None:
            self._groups.setdefault(edge.subject, set()).add(intern(edge.object))
        elif groups := self._groups.get(edge.subject):
            groups.discard(edge.object)
            if not groups:
                del self._groups[edge.subject]

    def of(self, user: str) -> frozenset[str]:
        """Return the groups of a user, entity names."""
        return frozenset(self._groups.get(user, ()))

    def __len__(self) -> int:
        """Count the users that are members of anything."""
        return len(self._groups)
