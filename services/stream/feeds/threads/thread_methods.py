"""FeedService's conversations."""

from typing import Any

from sluice.feed.v1 import thread_pb2 as pb
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceServicer, FeedServiceStub

from services.stream.feeds.callers import principal
from services.stream.feeds.observed_counts import ObservedCounts
from services.stream.feeds.reading import FeedReader
from services.stream.feeds.routing import Routing
from services.stream.feeds.threads.thread_messages import thread_ask, thread_message


class ThreadMethods(FeedServiceServicer):
    """Answered by the worker that owns the caller: what she may see depends on her relations."""

    _reader: FeedReader
    _routing: Routing
    _observed: ObservedCounts

    async def GetThread(self, request: pb.GetThreadRequest, context: Any) -> pb.GetThreadResponse:  # noqa: N802 - named by the proto
        """See the proto."""
        ask = thread_ask(request, principal())

        async def here() -> pb.GetThreadResponse:
            thread = await self._reader.thread(ask)
            shown = [entry.id for entry in thread.entries]
            return thread_message(thread, ask, self._observed.of_activities(shown, ask.user, employee=ask.employee))

        return await self._routing.answer(ask.user, context, here, lambda channel: FeedServiceStub(channel).GetThread, request)
