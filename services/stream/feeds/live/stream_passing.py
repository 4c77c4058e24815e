"""A stream is passed on to the worker that owns the user, message by message, as bytes."""

from typing import Any

import grpc
import structlog
from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1 import watch_pb2

from services.stream.feeds.passing_on import OwnerAway, Passage, is_away
from services.stream.feeds.routing import Routing

log = structlog.get_logger()

_DETAILS = "grpc-status-details-bin"
_METHOD = "/sluice.feed.v1.FeedService/WatchFeed"


async def passed_on(routing: Routing, name: str, context: Any, request: pb.WatchFeedRequest) -> bool:
    """Have the owner of an entity name answer WatchFeed; return False where that is this worker. Raises OwnerAway.

    What the owner refuses is refused with its words. Where it goes away in the middle of a stream the caller is told to connect again.
    """
    for way in await routing.ways(name, Passage.of(context)):
        if way is None:
            return False
        try:
            await _pass_on(*way, request, context)
        except OwnerAway:
            continue
        return True
    raise OwnerAway("the worker that owns this user does not answer")


async def _pass_on(
    channel: grpc.aio.Channel, metadata: tuple[tuple[str, str | bytes], ...], request: pb.WatchFeedRequest, context: Any
) -> None:
    """Pass messages on until the stream ends. Raises OwnerAway where it can't begin."""
    ask: Any = channel.unary_stream(_METHOD)
    stream = ask(request.SerializeToString(), metadata=metadata, timeout=context.time_remaining())
    has_begun = False
    try:
        async for message in stream:
            has_begun = True
            await context.write(message)
    except grpc.aio.AioRpcError as error:
        if is_away(error) and not has_begun:
            log.info("a worker does not answer for a user", code=error.code().name)
            raise OwnerAway("the worker that owns this user does not answer") from None
        if is_away(error):
            await context.write(watch_pb2.WatchFeedResponse(reconnect=True).SerializeToString())
            return
        details = [(key, value) for key, value in error.trailing_metadata() or () if key == _DETAILS]
        await context.abort(error.code(), error.details() or "", tuple(details))
    finally:
        stream.cancel()
