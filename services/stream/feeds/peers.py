"""What a worker asks of the owners of other users: whether an edge is in force at its object's side."""

import asyncio
from collections.abc import Callable, Sequence

import grpc
from sluice.activity.v1 import relation_pb2
from sluice.feed.v1 import peer_service_pb2 as pb
from sluice.feed.v1.peer_service_pb2_grpc import PeerServiceStub

from services.contracts.errors import ServiceUnavailable
from services.contracts.relations import Relation
from services.runtime.records import TopicPartition
from services.stream.feeds.passing_on import OwnerAway, Passage
from services.stream.feeds.positions import Positions
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.routing import Routing

SECONDS = 5.0


class InverseEdges:
    """The edges at the side of objects that are owned here."""

    def __init__(self, state: RelationState, applied: Positions[TopicPartition]) -> None:
        """Take the parts. applied: the next offset of every owned partition; it moves after the state has."""
        self._state = state
        self._applied = applied

    async def until(self, edge: Relation, *, gone: bool, seconds: float = SECONDS) -> None:
        """Return when an edge is there, or no longer. Raises TimeoutError, and KeyError when the object isn't or is no longer owned."""

        def settled() -> bool:
            return not self._state.owns(edge.object) or self._there(edge) is not gone

        await self._applied.until(settled, seconds)
        self._there(edge)

    def _there(self, edge: Relation) -> bool:
        return edge.subject in self._state.subjects(edge.object, edge.kind)


class Peers:
    """Asks the owner of each edge's object, who may be this worker."""

    def __init__(self, routing: Routing, inverse: InverseEdges, token: Callable[[], str]) -> None:
        """token: returns a JWT with the role `service`; it is asked for each call."""
        self._routing = routing
        self._inverse = inverse
        self._token = token

    async def see(self, *, made: Sequence[Relation] = (), gone: Sequence[Relation] = ()) -> None:
        """Return when the objects' sides have the edges made and those gone no longer. Raises ServiceUnavailable; repeatable."""
        try:
            async with asyncio.timeout(SECONDS):
                for edge in made:
                    await self._seen(edge, gone=False)
                for edge in gone:
                    await self._seen(edge, gone=True)
        except (OwnerAway, TimeoutError, grpc.aio.AioRpcError):
            raise ServiceUnavailable("the other side has not confirmed the change; it may still come into force") from None

    async def _seen(self, edge: Relation, *, gone: bool) -> None:
        async def here() -> pb.AwaitInverseResponse:
            await self._inverse.until(edge, gone=gone)
            return pb.AwaitInverseResponse()

        kind = relation_pb2.RelationKind.ValueType(edge.kind)
        request = pb.AwaitInverseRequest(subject=edge.subject, kind=kind, object=edge.object, gone=gone)
        passage = Passage({"authorization": f"Bearer {self._token()}"}, seconds=SECONDS)
        await self._routing.ask(edge.object, passage, here, lambda channel: PeerServiceStub(channel).AwaitInverse, request)
