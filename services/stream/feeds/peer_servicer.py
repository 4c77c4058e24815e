"""PeerService: messages in, messages out."""

from typing import Any

from sluice.feed.v1 import peer_service_pb2 as pb
from sluice.feed.v1.peer_service_pb2_grpc import PeerServiceServicer, PeerServiceStub

from services.contracts.errors import ServiceUnavailable
from services.contracts.principal import PermissionRefused, Role
from services.contracts.relations import Relation, RelationKind
from services.stream.feeds.callers import principal
from services.stream.feeds.peers import InverseEdges
from services.stream.feeds.routing import WRITE_PATIENCE_S, Routing


class PeerServicer(PeerServiceServicer):
    """Answers other feeds workers. Errors of the domain become statuses outside."""

    def __init__(self, inverse: InverseEdges, routing: Routing) -> None:
        self._inverse = inverse
        self._routing = routing

    async def AwaitInverse(  # noqa: N802 - named by the proto
        self, request: pb.AwaitInverseRequest, context: Any
    ) -> pb.AwaitInverseResponse:
        """See the proto."""
        if not principal().has(Role.SERVICE):
            raise PermissionRefused("what workers ask of each other needs the role service")
        edge = Relation(request.subject, RelationKind(request.kind), request.object)

        async def here() -> pb.AwaitInverseResponse:
            try:
                await self._inverse.until(edge, gone=request.gone)
            except TimeoutError:
                raise ServiceUnavailable("the edge is not there yet") from None
            return pb.AwaitInverseResponse()

        return await self._routing.answer(
            edge.object,
            context,
            here,
            lambda channel: PeerServiceStub(channel).AwaitInverse,
            request,
            patience_s=WRITE_PATIENCE_S,
        )
