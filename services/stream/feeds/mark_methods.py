"""FeedService's marks: what the caller has saved, read, seen and done."""

import time
from typing import Any

from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1 import marks_pb2
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceServicer, FeedServiceStub

from services.contracts.marked_places import marked_place
from services.contracts.relation_codec import MarkerKind
from services.stream.feeds.callers import principal
from services.stream.feeds.changes import Changes
from services.stream.feeds.routing import WRITE_PATIENCE_S, Routing

_WHOLE_MILLISECOND = "f" * 32


class MarkMethods(FeedServiceServicer):
    """Answers when a change is in force. A mark is made by the worker that owns the user, whoever is asked."""

    _changes: Changes
    _routing: Routing

    async def Save(self, request: pb.SaveRequest, context: Any) -> pb.SaveResponse:  # noqa: N802 - named by the proto
        """See the proto."""
        await self._mark("Save", request, context, MarkerKind.SAVED)
        return pb.SaveResponse()

    async def Unsave(self, request: pb.UnsaveRequest, context: Any) -> pb.UnsaveResponse:  # noqa: N802 - as above
        """See the proto."""
        await self._mark("Unsave", request, context, MarkerKind.SAVED, taken_back=True)
        return pb.UnsaveResponse()

    async def MarkRead(self, request: pb.MarkReadRequest, context: Any) -> pb.MarkReadResponse:  # noqa: N802 - as above
        """See the proto."""
        await self._mark("MarkRead", request, context, MarkerKind.READ)
        return pb.MarkReadResponse()

    async def MarkUnread(self, request: pb.MarkUnreadRequest, context: Any) -> pb.MarkUnreadResponse:  # noqa: N802 - as above
        """See the proto."""
        await self._mark("MarkUnread", request, context, MarkerKind.READ, taken_back=True)
        return pb.MarkUnreadResponse()

    async def MarkSeen(self, request: marks_pb2.MarkSeenRequest, context: Any) -> marks_pb2.MarkSeenResponse:  # noqa: N802 - as above
        """See the proto."""
        await self._mark("MarkSeen", request, context, MarkerKind.SEEN)
        return marks_pb2.MarkSeenResponse()

    async def MarkDone(self, request: marks_pb2.MarkDoneRequest, context: Any) -> marks_pb2.MarkDoneResponse:  # noqa: N802 - as above
        """See the proto."""
        await self._mark("MarkDone", request, context, MarkerKind.DONE)
        return marks_pb2.MarkDoneResponse()

    async def MarkUndone(self, request: marks_pb2.MarkUndoneRequest, context: Any) -> marks_pb2.MarkUndoneResponse:  # noqa: N802 - as above
        """See the proto."""
        await self._mark("MarkUndone", request, context, MarkerKind.DONE, taken_back=True)
        return marks_pb2.MarkUndoneResponse()

    async def MarkAllRead(self, request: pb.MarkAllReadRequest, context: Any) -> pb.MarkAllReadResponse:  # noqa: N802 - as above
        """See the proto."""
        await self._mark_up_to("MarkAllRead", request, context, MarkerKind.HOME_READ_UP_TO)
        return pb.MarkAllReadResponse()

    async def MarkAllSeen(self, request: pb.MarkAllSeenRequest, context: Any) -> pb.MarkAllSeenResponse:  # noqa: N802 - as above
        """See the proto."""
        await self._mark_up_to("MarkAllSeen", request, context, MarkerKind.HOME_SEEN_UP_TO)
        return pb.MarkAllSeenResponse()

    async def _mark(self, method: str, request: Any, context: Any, kind: MarkerKind, *, taken_back: bool = False) -> None:
        user = principal().user

        async def here() -> None:
            await self._changes.mark(user, kind, request.activity_ids, taken_back=taken_back)

        await self._by_owner(user, method, request, context, here)

    async def _mark_up_to(self, method: str, request: Any, context: Any, kind: MarkerKind) -> None:
        user = principal().user
        up_to_ms = request.up_to_sort_time_ms or int(time.time() * 1000)
        place = marked_place(up_to_ms, (request.up_to_sort_time_ms and request.up_to_id) or _WHOLE_MILLISECOND)

        async def here() -> None:
            await self._changes.mark_up_to(user, kind, place)

        await self._by_owner(user, method, request, context, here)

    async def _by_owner(self, user: str, method: str, request: Any, context: Any, here: Any) -> None:
        await self._routing.answer(
            user, context, here, lambda channel: getattr(FeedServiceStub(channel), method), request, patience_s=WRITE_PATIENCE_S
        )
