"""Who follows whom, and who asks to: some people approve of their followers."""

from services.contracts.errors import NotFound
from services.contracts.relations import Relation, RelationKind
from services.stream.feeds.changes import Changes, Edit
from services.stream.feeds.identities import Identities
from services.stream.feeds.named_edges import NamedEdges
from services.stream.feeds.peers import Peers

_FOLLOWS, _REQUESTS = RelationKind.FOLLOWS, RelationKind.REQUESTS


class Follows:
    """Changes of the follows and requests of subjects that are owned here. Errors as of Changes.

    A person is followed under her own name, whichever of her accounts was named, so that her followers stand in one place. What
    was followed before an account was known to be hers stays as it is, and counts the same.
    """

    def __init__(self, edges: NamedEdges, changes: Changes, identities: Identities, peers: Peers) -> None:
        self._edges = edges
        self._changes = changes
        self._identities = identities
        self._peers = peers

    async def follow(self, subject: str, obj: str) -> bool:
        """Follow, or ask to; return whether it is a follow. An open request becomes one when the followed no longer approves."""
        edit = await self._changes.edit(subject, lambda: self._to_follow(subject, obj))
        return all(relation.kind is _FOLLOWS for relation in edit.made)

    async def unfollow(self, subject: str, obj: str) -> None:
        """Take a follow and a request back."""
        await self._changes.edit(subject, lambda: self._to_end(subject, obj))

    async def approve(self, subject: str, obj: str) -> None:
        """Make a request a follow; nothing changes where it is one. Raises NotFound where there is neither."""
        await self._seen_by_followed(await self._changes.edit(subject, lambda: self._to_approve(subject, obj)))

    async def reject(self, subject: str, obj: str) -> None:
        """Take a request away."""
        edit = await self._changes.edit(subject, lambda: Edit(taken_back=self._edges.to_take_back(subject, _REQUESTS, obj)))
        await self._seen_by_followed(edit)

    async def remove(self, subject: str, obj: str) -> None:
        """End a follow, and a request, on behalf of the followed."""
        await self._seen_by_followed(await self._changes.edit(subject, lambda: self._to_end(subject, obj)))

    def _to_follow(self, subject: str, obj: str) -> Edit:
        person = self._identities.person_of(obj)
        if self._identities.approves(obj) and subject not in self._identities.names_of(obj):
            if self._edges.present(subject, _FOLLOWS, obj):
                # Written again it could undo that she was removed a moment ago.
                return Edit()
            return Edit(made=(Relation(subject, _REQUESTS, person),))
        asked = self._edges.to_take_back(subject, _REQUESTS, obj) if self._edges.present(subject, _REQUESTS, obj) else ()
        return Edit(made=(Relation(subject, _FOLLOWS, person),), taken_back=asked)

    def _to_approve(self, subject: str, obj: str) -> Edit:
        if not any(self._edges.present(subject, kind, obj) for kind in (_FOLLOWS, _REQUESTS)):
            raise NotFound("nobody of that name has asked to follow")
        follow = Relation(subject, _FOLLOWS, self._identities.person_of(obj))
        return Edit(made=(follow,), taken_back=self._edges.to_take_back(subject, _REQUESTS, obj))

    def _to_end(self, subject: str, obj: str) -> Edit:
        kinds = (_FOLLOWS, _REQUESTS)
        return Edit(taken_back=tuple(edge for kind in kinds for edge in self._edges.to_take_back(subject, kind, obj)))

    async def _seen_by_followed(self, edit: Edit) -> None:
        """Wait until the followed, who asked for it, sees it in her lists."""
        await self._peers.see(made=edit.made, gone=edit.taken_back)
