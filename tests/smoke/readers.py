"""Reading the stack as its users do: over gRPC, page by page."""

import asyncio
import re
import time
from collections.abc import Iterator

import grpc
from sluice.activity.v1 import activity_pb2
from sluice.feed.v1 import feed_service_pb2, feed_service_pb2_grpc
from sluice.search.v1 import search_service_pb2, search_service_pb2_grpc

MARKER = re.compile(r"smoke\d{6}")
PAGE = 200
PATIENCE_S = 30.0
POLL_S = 0.02


def marker_of(activity: activity_pb2.Activity) -> str:
    """Return the marker word of an activity, or nothing."""
    found = MARKER.search(activity.text)
    return found.group() if found else ""


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Return a call's metadata."""
    return (("authorization", f"Bearer {token}"),)


def whole_feed(channel: grpc.Channel, token: str) -> Iterator[activity_pb2.Activity]:
    """Yield a home feed from the first page to the last, waiting where history is away for a moment."""
    stub = feed_service_pb2_grpc.FeedServiceStub(channel)
    page_token, deadline = "", time.monotonic() + PATIENCE_S
    while True:
        page = stub.GetFeed(
            feed_service_pb2.GetFeedRequest(page_size=PAGE, page_token=page_token),
            metadata=bearer(token),
            timeout=30,
            wait_for_ready=True,
        )
        if page.partial and time.monotonic() < deadline:
            time.sleep(0.2)
            continue
        for entry in page.entries:
            yield entry.activity
        page_token = page.next_page_token
        if not page_token:
            return


class Sightings:
    """When each marker was first seen, and when it had been accepted. Times in seconds since the epoch."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}
        self.accepted: dict[str, float] = {}

    def note(self, activity: activity_pb2.Activity, now: float) -> None:
        """Remember the first sight of an activity."""
        marker = marker_of(activity)
        if marker and marker not in self.seen:
            self.seen[marker] = now
            self.accepted[marker] = activity.accepted.seconds + activity.accepted.nanos / 1e9


async def watch_feed(channel: grpc.aio.Channel, token: str, sightings: Sightings) -> None:
    """Poll the first page for ever, noting what is new; what fails during a restart is asked again."""
    stub = feed_service_pb2_grpc.FeedServiceStub(channel)
    request = feed_service_pb2.GetFeedRequest(page_size=PAGE)
    while True:
        try:
            page = await stub.GetFeed(request, metadata=bearer(token), timeout=5)
        except grpc.RpcError:
            await asyncio.sleep(POLL_S)
            continue
        now = time.time()
        for entry in page.entries:
            sightings.note(entry.activity, now)
        await asyncio.sleep(POLL_S)


async def watch_search(channel: grpc.aio.Channel, token: str, sightings: Sightings) -> None:
    """Do the same with the newest of a search without words."""
    stub = search_service_pb2_grpc.SearchServiceStub(channel)
    request = search_service_pb2.SearchRequest(page_size=100)
    while True:
        try:
            page = await stub.Search(request, metadata=bearer(token), timeout=5)
        except grpc.RpcError:
            await asyncio.sleep(POLL_S)
            continue
        now = time.time()
        for result in page.results:
            sightings.note(result.activity, now)
        await asyncio.sleep(5 * POLL_S)
