"""How a method of RelationService is answered: by the worker that owns the entity it is about."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from google.protobuf.message import Message
from sluice.feed.v1.relation_service_pb2_grpc import RelationServiceStub

from services.stream.feeds.routing import READ_PATIENCE_S, WRITE_PATIENCE_S, Routing

M = TypeVar("M", bound=Message)


class RelationCalls:
    """What the parts of the servicer share."""

    _routing: Routing

    async def _change(
        self, owner: str, change: Callable[[], Awaitable[object]], response: M, request: Message, context: Any
    ) -> M:
        """Make a change where its subject is owned, and answer with response."""

        async def here() -> M:
            await change()
            return response

        return await self._answer(owner, here, request, context, WRITE_PATIENCE_S)

    async def _read(self, owner: str, read: Callable[[], M], request: Message, context: Any) -> M:
        """Answer with what is read where an entity is owned."""

        async def here() -> M:
            return read()

        return await self._answer(owner, here, request, context, READ_PATIENCE_S)

    async def _answer(self, owner: str, here: Callable[[], Awaitable[M]], request: Message, context: Any, patience_s: float) -> M:
        method = request.DESCRIPTOR.name.removesuffix("Request")
        return await self._routing.answer(
            owner, context, here, lambda channel: getattr(RelationServiceStub(channel), method), request, patience_s=patience_s
        )
