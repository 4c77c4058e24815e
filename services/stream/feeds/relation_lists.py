"""The methods of RelationService that list edges, and who may see which."""

from collections.abc import Iterable
from heapq import nsmallest
from typing import Any

from sluice.activity.v1 import relation_pb2
from sluice.feed.v1 import relation_service_pb2 as pb

from services.contracts.page_tokens import PageToken, PageTokenInvalid, clamp_page_size, decode_page_token, fingerprint
from services.contracts.principal import PermissionRefused, Principal, Role
from services.contracts.relation_codec import relation_to_proto
from services.contracts.relations import Relation, RelationKind
from services.stream.feeds.callers import principal, user_for
from services.stream.feeds.identities import Identities
from services.stream.feeds.relation_calls import RelationCalls
from services.stream.feeds.relation_state import RelationState

_DEFAULT_SIZE = 100
_LARGEST_SIZE = 1000


class ListMethods(RelationCalls):
    """Part of the servicer."""

    _state: RelationState
    _identities: Identities

    async def ListFollowing(  # noqa: N802 - named by the proto
        self, request: pb.ListFollowingRequest, context: Any
    ) -> pb.ListFollowingResponse:
        """See the proto."""
        subject, kind = user_for(principal(), request.subject), _kind(request.kind)

        def read() -> pb.ListFollowingResponse:
            edges = self._state.objects(subject, kind)
            names, token = _page(edges, request, fingerprint("following", subject, kind))
            relations = [relation_to_proto(Relation(subject, kind, name, edges[name])) for name in names]
            return pb.ListFollowingResponse(relations=relations, next_page_token=token)

        return await self._read(subject, read, request, context)

    async def ListFollowers(  # noqa: N802 - as above
        self, request: pb.ListFollowersRequest, context: Any
    ) -> pb.ListFollowersResponse:
        """See the proto."""
        caller, kind = principal(), _kind(request.kind)
        obj = self._identities.person_of(request.object or caller.user)
        self._check_lists_followers(caller, obj, kind)

        def read() -> pb.ListFollowersResponse:
            edges = self._state.subjects(obj, kind)
            if kind is RelationKind.MEMBER_OF and caller.user not in edges and not caller.has(Role.ADMIN):
                raise PermissionRefused("the members of a group are listed to its members")
            names, token = _page(self._shown(caller, obj, kind, edges), request, fingerprint("followers", obj, kind))
            relations = [relation_to_proto(Relation(name, kind, obj, edges[name])) for name in names]
            return pb.ListFollowersResponse(relations=relations, next_page_token=token)

        return await self._read(obj, read, request, context)

    def _check_lists_followers(self, caller: Principal, obj: str, kind: RelationKind) -> None:
        if caller.has(Role.ADMIN) or caller.user in self._identities.names_of(obj):
            return
        if kind is RelationKind.REQUESTS:
            raise PermissionRefused("requests to follow are listed to whom they ask")
        if kind is RelationKind.FOLLOWS and not caller.employee:
            raise PermissionRefused("who isn't an employee may list her own followers only")

    def _shown(self, caller: Principal, obj: str, kind: RelationKind, edges: Iterable[str]) -> Iterable[str]:
        """Return whom the caller sees: nobody on the other side of a block, whether she asks for her own followers or another's."""
        if kind is RelationKind.MEMBER_OF or caller.has(Role.ADMIN):
            return edges
        blocks, blocked_by = self._state.objects(obj, RelationKind.BLOCKS), self._state.subjects(obj, RelationKind.BLOCKS)
        names = self._identities.names_of(caller.user)
        if obj in names:
            hidden = {*blocks, *blocked_by}
            return (name for name in edges if name not in hidden)
        return () if any(name in blocks or name in blocked_by for name in names) else edges


def _kind(number: int) -> RelationKind:
    return RelationKind(number) if number != relation_pb2.RELATION_KIND_UNSPECIFIED else RelationKind.FOLLOWS


def _page(edges: Iterable[str], request: Any, request_print: str) -> tuple[list[str], str]:
    """Return one page of names in their order, and the token of the next. Raises PageTokenInvalid."""
    size = clamp_page_size(request.page_size, default=_DEFAULT_SIZE, maximum=_LARGEST_SIZE)
    after = _name_in(decode_page_token(request.page_token, request_print)) if request.page_token else ""
    names = nsmallest(size + 1, (name for name in edges if name > after))
    more = len(names) > size
    return names[:size], PageToken((names[size - 1],), request_print).encode() if more else ""


def _name_in(position: tuple[Any, ...]) -> str:
    if len(position) != 1 or not isinstance(position[0], str):
        raise PageTokenInvalid("the page token is not one of ours")
    return position[0]
