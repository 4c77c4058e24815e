"""FeedService: messages in, messages out."""

from functools import lru_cache
from typing import Any

from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceStub

from services.contracts.activity import Scope
from services.contracts.feed_filter import NO_FILTER, FeedFilter
from services.contracts.page_tokens import PageToken, PageTokenInvalid, clamp_page_size, decode_page_token, fingerprint
from services.contracts.principal import Principal
from services.runtime.metrics import FEEDS_PAGES
from services.stream.feeds.callers import principal, user_for
from services.stream.feeds.changes import Changes
from services.stream.feeds.mark_methods import MarkMethods
from services.stream.feeds.page_bytes import entries_bytes
from services.stream.feeds.pages import Page, PageAsk
from services.stream.feeds.places import BOTTOM, TOP, Place
from services.stream.feeds.reading import FeedReader
from services.stream.feeds.routing import Routing

_DEFAULT_SIZE = 20
_LARGEST_SIZE = 200
# Place and top, two values each.
_POSITION = 4
_PARTIAL, _HISTORY, _TIMELINE = (FEEDS_PAGES.labels(name) for name in ("partial", "history", "timeline"))


class FeedServicer(MarkMethods):
    """Answers for the caller that the server's gate let in. Errors of the domain become statuses outside."""

    def __init__(self, reader: FeedReader, changes: Changes, routing: Routing) -> None:
        self._reader = reader
        self._changes = changes
        self._routing = routing

    async def GetFeed(self, request: pb.GetFeedRequest, context: Any) -> Any:  # noqa: N802 - named by the proto
        """See the proto."""
        caller = principal()
        ask = page_ask(request, caller)

        async def here() -> pb.GetFeedResponse | bytes:
            page = await self._reader.page(ask)
            (_PARTIAL if page.partial else _HISTORY if page.asked_history else _TIMELINE).inc()
            return page_bytes(page, ask)

        return await self._routing.answer(ask.user, context, here, lambda channel: FeedServiceStub(channel).GetFeed, request)

    async def GetFeedCounts(self, request: pb.GetFeedCountsRequest, context: Any) -> pb.GetFeedCountsResponse:  # noqa: N802 - as above
        """See the proto."""
        caller = principal()
        wanted = _wanted(request.filter) if request.HasField("filter") else NO_FILTER

        async def here() -> pb.GetFeedCountsResponse:
            counts = await self._reader.counts(PageAsk(caller.user, caller.employee, 0, wanted=wanted))
            return pb.GetFeedCountsResponse(unseen=counts.unseen, unread=counts.unread, at_least=counts.at_least)

        return await self._routing.answer(
            caller.user, context, here, lambda channel: FeedServiceStub(channel).GetFeedCounts, request
        )


def page_ask(request: pb.GetFeedRequest, caller: Principal) -> PageAsk:
    """Return which page is asked for. Raises PermissionRefused and PageTokenInvalid.

    An admin sees the feed of another as that user does, but INTERNAL only with an employee's token.
    """
    user = user_for(caller, request.user)
    size = clamp_page_size(request.page_size, default=_DEFAULT_SIZE, maximum=_LARGEST_SIZE)
    wanted = _wanted(request.filter) if request.HasField("filter") else NO_FILTER
    if not request.page_token:
        return PageAsk(user, caller.employee, size, wanted=wanted)
    below, top = _places(decode_page_token(request.page_token, _fingerprint(user, wanted)))
    return PageAsk(user, caller.employee, size, below, top, wanted)


def page_bytes(page: Page, ask: PageAsk) -> bytes:
    """Return the serialised GetFeedResponse of a page."""
    token = ""
    if page.below is not None:
        position = (*page.below, *(page.top or (None, None)))
        token = PageToken(position, _fingerprint(ask.user, ask.wanted)).encode()
    rest = pb.GetFeedResponse(next_page_token=token, newer_count=page.newer, partial=page.partial)
    return entries_bytes(page.entries, rest.SerializeToString())


def _wanted(message: pb.FeedFilter) -> FeedFilter:
    return FeedFilter(
        source_kinds=tuple(message.source_kinds),
        channels=tuple(message.channels),
        tags=tuple(message.tags),
        actors=tuple(message.actors),
        scopes=tuple(Scope(scope) for scope in message.scopes),
        languages=tuple(message.languages),
        unread_only=message.unread_only,
    )


def _fingerprint(user: str, wanted: FeedFilter) -> str:
    return _plain_fingerprint(user) if wanted is NO_FILTER else fingerprint("feed", user, pb.FEED_KIND_HOME, wanted)


@lru_cache(maxsize=10_000)
def _plain_fingerprint(user: str) -> str:
    return fingerprint("feed", user, pb.FEED_KIND_HOME, NO_FILTER)


def _places(position: tuple[Any, ...]) -> tuple[Place, Place | None]:
    """Read the two places of a token back. Raises PageTokenInvalid: a token is no secret, so anything may be in it."""
    if len(position) == _POSITION:
        below, top = position[:2], position[2:]
        if _is_place(below) and (top == (None, None) or _is_place(top)):
            return Place(*below), None if top == (None, None) else Place(*top)
    raise PageTokenInvalid("the page token is not one of ours")


def _is_place(values: tuple[Any, ...]) -> bool:
    time, activity_id = values
    if type(time) is not int or not isinstance(activity_id, str) or not BOTTOM.sort_time_ms <= time <= TOP.sort_time_ms:
        return False
    return activity_id == "" or (len(activity_id) == 32 and set(activity_id) <= set("0123456789abcdef"))  # noqa: PLR2004 - an id
