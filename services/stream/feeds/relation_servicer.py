"""RelationService: messages in, messages out."""

from collections.abc import Callable, Mapping
from typing import Any

import grpc
from sluice.activity.v1 import relation_pb2
from sluice.feed.v1 import relation_service_pb2 as pb
from sluice.feed.v1.relation_service_pb2_grpc import RelationServiceServicer, RelationServiceStub

from services.contracts.page_tokens import PageToken, PageTokenInvalid, clamp_page_size, decode_page_token, fingerprint
from services.contracts.principal import PermissionRefused, Principal, Role
from services.contracts.relation_codec import relation_to_proto
from services.contracts.relations import Relation, RelationKind
from services.stream.feeds.callers import only_admin, principal, user_for
from services.stream.feeds.changes import Changes
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.routing import Routing

_DEFAULT_SIZE = 100
_LARGEST_SIZE = 1000


class RelationServicer(RelationServiceServicer):
    """Answers for the caller that the server's gate let in. Errors of the domain become statuses outside."""

    def __init__(self, state: RelationState, changes: Changes, routing: Routing) -> None:
        self._state = state
        self._changes = changes
        self._routing = routing

    async def Follow(self, request: pb.FollowRequest, context: Any) -> pb.FollowResponse:  # noqa: N802 - named by the proto
        """See the proto. Anybody who is signed in may follow anything: following opens nothing."""
        subject = user_for(principal(), request.subject)
        await self._relate(Relation(subject, RelationKind.FOLLOWS, request.object), "Follow", request, context)
        return pb.FollowResponse()

    async def Unfollow(self, request: pb.UnfollowRequest, context: Any) -> pb.UnfollowResponse:  # noqa: N802 - as above
        """See the proto."""
        subject = user_for(principal(), request.subject)
        await self._unrelate(Relation(subject, RelationKind.FOLLOWS, request.object), "Unfollow", request, context)
        return pb.UnfollowResponse()

    async def Mute(self, request: pb.MuteRequest, context: Any) -> pb.MuteResponse:  # noqa: N802 - as above
        """See the proto."""
        await self._relate(Relation(principal().user, RelationKind.MUTES, request.object), "Mute", request, context)
        return pb.MuteResponse()

    async def Unmute(self, request: pb.UnmuteRequest, context: Any) -> pb.UnmuteResponse:  # noqa: N802 - as above
        """See the proto."""
        await self._unrelate(Relation(principal().user, RelationKind.MUTES, request.object), "Unmute", request, context)
        return pb.UnmuteResponse()

    async def Join(self, request: pb.JoinRequest, context: Any) -> pb.JoinResponse:  # noqa: N802 - as above
        """See the proto."""
        only_admin(principal(), "making somebody a member")
        await self._relate(Relation(request.user, RelationKind.MEMBER_OF, request.group), "Join", request, context)
        return pb.JoinResponse()

    async def Leave(self, request: pb.LeaveRequest, context: Any) -> pb.LeaveResponse:  # noqa: N802 - as above
        """See the proto."""
        user = user_for(principal(), request.user)
        await self._unrelate(Relation(user, RelationKind.MEMBER_OF, request.group), "Leave", request, context)
        return pb.LeaveResponse()

    async def ListFollowing(  # noqa: N802 - as above
        self, request: pb.ListFollowingRequest, context: Any
    ) -> pb.ListFollowingResponse:
        """See the proto."""
        subject, kind = user_for(principal(), request.subject), _kind(request.kind)

        async def here() -> pb.ListFollowingResponse:
            edges = self._state.objects(subject, kind)
            names, token = _page(edges, request, fingerprint("following", subject, kind))
            relations = [relation_to_proto(Relation(subject, kind, name, edges[name])) for name in names]
            return pb.ListFollowingResponse(relations=relations, next_page_token=token)

        return await self._routing.answer(subject, context, here, _method("ListFollowing"), request)

    async def ListFollowers(  # noqa: N802 - as above
        self, request: pb.ListFollowersRequest, context: Any
    ) -> pb.ListFollowersResponse:
        """See the proto."""
        caller, obj, kind = principal(), request.object, _kind(request.kind)

        async def here() -> pb.ListFollowersResponse:
            edges = self._state.subjects(obj, kind)
            if kind is RelationKind.MEMBER_OF:
                _only_members(caller, edges)
            names, token = _page(edges, request, fingerprint("followers", obj, kind))
            relations = [relation_to_proto(Relation(name, kind, obj, edges[name])) for name in names]
            return pb.ListFollowersResponse(relations=relations, next_page_token=token)

        return await self._routing.answer(obj, context, here, _method("ListFollowers"), request)

    async def _relate(self, relation: Relation, method: str, request: Any, context: Any) -> None:
        async def here() -> None:
            await self._changes.relate(relation.subject, relation.kind, relation.object)

        await self._routing.answer(relation.subject, context, here, _method(method), request)

    async def _unrelate(self, relation: Relation, method: str, request: Any, context: Any) -> None:
        async def here() -> None:
            await self._changes.unrelate(relation.subject, relation.kind, relation.object)

        await self._routing.answer(relation.subject, context, here, _method(method), request)


def _method(name: str) -> Callable[[grpc.aio.Channel], Any]:
    return lambda channel: getattr(RelationServiceStub(channel), name)


def _kind(number: int) -> RelationKind:
    return RelationKind(number) if number != relation_pb2.RELATION_KIND_UNSPECIFIED else RelationKind.FOLLOWS


def _only_members(caller: Principal, members: Mapping[str, int]) -> None:
    if caller.user not in members and not caller.has(Role.ADMIN):
        raise PermissionRefused("the members of a group are listed to its members")


def _page(edges: Mapping[str, int], request: Any, request_print: str) -> tuple[list[str], str]:
    """Return one page of names in their order, and the token of the next. Raises PageTokenInvalid."""
    size = clamp_page_size(request.page_size, default=_DEFAULT_SIZE, maximum=_LARGEST_SIZE)
    after = _name_in(decode_page_token(request.page_token, request_print)) if request.page_token else ""
    names = sorted(name for name in edges if name > after)
    more = len(names) > size
    return names[:size], PageToken((names[size - 1],), request_print).encode() if more else ""


def _name_in(position: tuple[Any, ...]) -> str:
    if len(position) != 1 or not isinstance(position[0], str):
        raise PageTokenInvalid("the page token is not one of ours")
    return position[0]
