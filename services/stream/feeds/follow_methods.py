"""The methods of RelationService about following."""

from typing import Any

from sluice.feed.v1 import relation_service_pb2 as pb

from services.stream.feeds.callers import principal, user_for
from services.stream.feeds.follows import Follows
from services.stream.feeds.relation_calls import RelationCalls


class FollowMethods(RelationCalls):
    """Part of the servicer. What the followed may do is done where the follower is owned; that worker checks who asks, too."""

    _follows: Follows

    async def Follow(self, request: pb.FollowRequest, context: Any) -> pb.FollowResponse:  # noqa: N802 - named by the proto
        """See the proto. Anybody who is signed in may follow anything: following opens nothing."""
        subject, response = user_for(principal(), request.subject), pb.FollowResponse()

        async def follow() -> None:
            follows = await self._follows.follow(subject, request.object)
            response.state = pb.FOLLOW_STATE_FOLLOWING if follows else pb.FOLLOW_STATE_PENDING

        return await self._change(subject, follow, response, request, context)

    async def Unfollow(self, request: pb.UnfollowRequest, context: Any) -> pb.UnfollowResponse:  # noqa: N802 - as above
        """See the proto."""
        subject = user_for(principal(), request.subject)
        return await self._change(
            subject, lambda: self._follows.unfollow(subject, request.object), pb.UnfollowResponse(), request, context
        )

    async def ApproveFollow(  # noqa: N802 - as above
        self, request: pb.ApproveFollowRequest, context: Any
    ) -> pb.ApproveFollowResponse:
        """See the proto."""
        followed = user_for(principal(), request.object)
        return await self._change(
            request.subject,
            lambda: self._follows.approve(request.subject, followed),
            pb.ApproveFollowResponse(),
            request,
            context,
        )

    async def RejectFollow(self, request: pb.RejectFollowRequest, context: Any) -> pb.RejectFollowResponse:  # noqa: N802 - as above
        """See the proto."""
        followed = user_for(principal(), request.object)
        return await self._change(
            request.subject, lambda: self._follows.reject(request.subject, followed), pb.RejectFollowResponse(), request, context
        )

    async def RemoveFollower(  # noqa: N802 - as above
        self, request: pb.RemoveFollowerRequest, context: Any
    ) -> pb.RemoveFollowerResponse:
        """See the proto."""
        followed = user_for(principal(), request.object)
        return await self._change(
            request.subject,
            lambda: self._follows.remove(request.subject, followed),
            pb.RemoveFollowerResponse(),
            request,
            context,
        )
