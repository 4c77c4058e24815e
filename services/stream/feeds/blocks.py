"""Blocking hides two people from each other: the edge counts on both sides before the call returns."""

from services.contracts.errors import InvalidRequest
from services.contracts.relations import Relation, RelationKind
from services.stream.feeds.changes import Changes, Edit
from services.stream.feeds.identities import Identities
from services.stream.feeds.named_edges import NamedEdges
from services.stream.feeds.peers import Peers

_BLOCKS = RelationKind.BLOCKS


class Blocks:
    """Changes of the blocks of subjects that are owned here. Errors as of Changes; after them the change may be in force on one side."""

    def __init__(self, edges: NamedEdges, changes: Changes, identities: Identities, peers: Peers) -> None:
        self._edges = edges
        self._changes = changes
        self._identities = identities
        self._peers = peers

    async def block(self, subject: str, obj: str) -> None:
        """Hide a person and the subject from each other. Raises InvalidRequest when both are the same person.

        The edge is made under the person's own name, where she looks for it when she reads, and under the one given: that
        account stays blocked should it turn out to be somebody else's.
        """
        if subject in self._identities.names_of(obj):
            raise InvalidRequest("nobody can block herself", field="object")
        names = sorted({obj, self._identities.person_of(obj)})
        edit = await self._changes.edit(subject, lambda: Edit(made=tuple(Relation(subject, _BLOCKS, name) for name in names)))
        await self._peers.see(made=edit.made)

    async def unblock(self, subject: str, obj: str) -> None:
        """Take it back, under all names of the person."""
        edit = await self._changes.edit(subject, lambda: Edit(taken_back=self._edges.to_take_back(subject, _BLOCKS, obj)))
        await self._peers.see(gone=edit.taken_back)
