"""FeedService's reactions: likes and shares."""

from typing import Any

from sluice.feed.v1 import reactions_pb2 as pb
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceServicer, FeedServiceStub

from services.stream.feeds.callers import principal
from services.stream.feeds.passing_on import Passage
from services.stream.feeds.reactions import ReactionKind, Reactions
from services.stream.feeds.routing import WRITE_PATIENCE_S, Routing


class ReactionMethods(FeedServiceServicer):
    """Answers when a reaction is in force, by the worker that owns the caller: hers are the reads that show it."""

    _reactions: Reactions
    _routing: Routing

    async def React(self, request: pb.ReactRequest, context: Any) -> pb.ReactResponse:  # noqa: N802 - named by the proto
        """See the proto."""
        caller, kind = principal(), ReactionKind(request.kind or ReactionKind.LIKE)

        async def here() -> pb.ReactResponse:
            ids = await self._reactions.react(caller, kind, request.activity_ids, _authorization(context))
            return pb.ReactResponse(reaction_ids=ids)

        return await self._routing.answer(
            caller.user, context, here, lambda channel: FeedServiceStub(channel).React, request, patience_s=WRITE_PATIENCE_S
        )

    async def Unreact(self, request: pb.UnreactRequest, context: Any) -> pb.UnreactResponse:  # noqa: N802 - as above
        """See the proto."""
        caller, kind = principal(), ReactionKind(request.kind or ReactionKind.LIKE)

        async def here() -> pb.UnreactResponse:
            await self._reactions.unreact(caller, kind, request.activity_ids, _authorization(context))
            return pb.UnreactResponse()

        return await self._routing.answer(
            caller.user, context, here, lambda channel: FeedServiceStub(channel).Unreact, request, patience_s=WRITE_PATIENCE_S
        )


def _authorization(context: Any) -> str:
    return str(Passage.of(context).metadata.get("authorization", ""))
