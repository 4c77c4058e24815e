"""WatchFeed of FeedService: messages in, messages out."""

import time
from typing import Any

from sluice.feed.v1 import feed_service_pb2 as pb

from services.runtime.token_expiry import expiry_of
from services.stream.feeds.live.live_feeds import LiveFeeds
from services.stream.feeds.live.stream_passing import passed_on
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.routing import Routing

# A client then has a moment to come back with a new token.
_BEFORE_EXPIRY_S = 5.0


async def watch_feed(live: LiveFeeds, routing: Routing, ask: PageAsk, request: pb.WatchFeedRequest, context: Any) -> None:
    """Serve one live feed, here or by its owner. ask: what the request asks for, of the first page."""
    if not await passed_on(routing, ask.user, context, request):
        await live.serve(ask, request.cursor, context.write, seconds=_seconds_left(context))


def _seconds_left(context: Any) -> float:
    """Return how long the caller's token is good: a stream must not outlive what it was opened with."""
    authorization = dict(context.invocation_metadata() or ()).get("authorization", "")
    return max(1.0, expiry_of(str(authorization)) - time.time() - _BEFORE_EXPIRY_S)
