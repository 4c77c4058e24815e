"""RelationService: messages in, messages out."""

from typing import Any

from sluice.feed.v1 import relation_service_pb2 as pb
from sluice.feed.v1.relation_service_pb2_grpc import RelationServiceServicer

from services.contracts.errors import InvalidRequest
from services.contracts.relations import WORD, RelationKind, folded_word
from services.stream.feeds.account_methods import AccountMethods
from services.stream.feeds.accounts import Accounts
from services.stream.feeds.blocks import Blocks
from services.stream.feeds.callers import only_admin, principal, user_for
from services.stream.feeds.changes import Changes, Edit
from services.stream.feeds.follow_methods import FollowMethods
from services.stream.feeds.follows import Follows
from services.stream.feeds.identities import Identities
from services.stream.feeds.named_edges import NamedEdges
from services.stream.feeds.peers import Peers
from services.stream.feeds.relation_lists import ListMethods
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.routing import Routing


class RelationServicer(FollowMethods, ListMethods, AccountMethods, RelationServiceServicer):
    """Answers for the caller that the server's gate let in. Errors of the domain become statuses outside.

    A change is made by the worker that owns its subject, whoever asks for it: an edge has one writer.
    """

    def __init__(
        self,
        state: RelationState,
        identities: Identities,
        *,
        changes: Changes,
        peers: Peers,
        accounts: Accounts,
        routing: Routing,
    ) -> None:
        self._state = state
        self._identities = identities
        self._accounts = accounts
        self._routing = routing
        self._changes = changes
        self._edges = NamedEdges(state, identities)
        self._follows = Follows(self._edges, changes, identities, peers)
        self._blocks = Blocks(self._edges, changes, identities, peers)

    async def Mute(self, request: pb.MuteRequest, context: Any) -> pb.MuteResponse:  # noqa: N802 - named by the proto
        """See the proto."""
        subject, obj = principal().user, _muted(request.object)
        return await self._change(
            subject, lambda: self._changes.relate(subject, RelationKind.MUTES, obj), pb.MuteResponse(), request, context
        )

    async def Unmute(self, request: pb.UnmuteRequest, context: Any) -> pb.UnmuteResponse:  # noqa: N802 - as above
        """See the proto."""
        subject, obj = principal().user, _muted(request.object)

        def decide() -> Edit:
            return Edit(taken_back=self._edges.to_take_back(subject, RelationKind.MUTES, obj))

        return await self._change(subject, lambda: self._changes.edit(subject, decide), pb.UnmuteResponse(), request, context)

    async def Block(self, request: pb.BlockRequest, context: Any) -> pb.BlockResponse:  # noqa: N802 - as above
        """See the proto."""
        subject = principal().user
        return await self._change(
            subject, lambda: self._blocks.block(subject, request.object), pb.BlockResponse(), request, context
        )

    async def Unblock(self, request: pb.UnblockRequest, context: Any) -> pb.UnblockResponse:  # noqa: N802 - as above
        """See the proto."""
        subject = principal().user
        return await self._change(
            subject, lambda: self._blocks.unblock(subject, request.object), pb.UnblockResponse(), request, context
        )

    async def Join(self, request: pb.JoinRequest, context: Any) -> pb.JoinResponse:  # noqa: N802 - as above
        """See the proto."""
        only_admin(principal(), "making somebody a member")
        user, member_of = request.user, RelationKind.MEMBER_OF
        return await self._change(
            user, lambda: self._changes.relate(user, member_of, request.group), pb.JoinResponse(), request, context
        )

    async def Leave(self, request: pb.LeaveRequest, context: Any) -> pb.LeaveResponse:  # noqa: N802 - as above
        """See the proto."""
        user, member_of = user_for(principal(), request.user), RelationKind.MEMBER_OF
        return await self._change(
            user, lambda: self._changes.unrelate(user, member_of, request.group), pb.LeaveResponse(), request, context
        )


def _muted(obj: str) -> str:
    """Return the entity name as it is kept. Raises InvalidRequest for a word that can't be one."""
    if not obj.startswith(WORD):
        return obj
    try:
        return WORD + folded_word(obj.removeprefix(WORD))
    except ValueError as error:
        raise InvalidRequest(str(error), field="object") from None
