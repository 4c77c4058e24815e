"""FeedService: messages in, messages out."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sluice.activity.v1 import preference_pb2
from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceStub

from services.contracts.activity import Scope
from services.contracts.errors import InvalidRequest
from services.contracts.feed_filter import NO_FILTER, FeedFilter
from services.contracts.page_tokens import PageToken, PageTokenInvalid, clamp_page_size, decode_page_token, fingerprint
from services.contracts.principal import Principal
from services.runtime.metrics import FEEDS_PAGES
from services.stream.feeds.callers import principal, user_for
from services.stream.feeds.changes import Changes
from services.stream.feeds.count_methods import CountMethods
from services.stream.feeds.live.live_feeds import LiveFeeds
from services.stream.feeds.live.watch_methods import watch_feed
from services.stream.feeds.mark_methods import MarkMethods
from services.stream.feeds.object_tally import Tally
from services.stream.feeds.observed_counts import ObservedCounts
from services.stream.feeds.page_bytes import entries_bytes
from services.stream.feeds.pages import Page, PageAsk
from services.stream.feeds.places import Place, is_place
from services.stream.feeds.ranked_feed import RankedFeed, first_page, ranked_ask
from services.stream.feeds.reaction_methods import ReactionMethods
from services.stream.feeds.reactions import Reactions
from services.stream.feeds.reading import FeedReader
from services.stream.feeds.rolled_feed import RolledFeed, rolled_ask, without_token
from services.stream.feeds.routing import Routing
from services.stream.feeds.threads.thread_methods import ThreadMethods

_DEFAULT_SIZE = 20
_LARGEST_SIZE = 200
# Place and top, two values each.
_POSITION = 4
_PARTIAL, _HISTORY, _TIMELINE = (FEEDS_PAGES.labels(name) for name in ("partial", "history", "timeline"))


class FeedServicer(CountMethods, MarkMethods, ReactionMethods, ThreadMethods):
    """Answers for the caller that the server's gate let in. Errors of the domain become statuses outside."""

    def __init__(
        self,
        reader: FeedReader,
        changes: Changes,
        routing: Routing,
        live: LiveFeeds,
        observed: ObservedCounts,
        *,
        ranked: RankedFeed,
        reactions: Reactions,
        rolled: RolledFeed,
    ) -> None:
        self._reader = reader
        self._changes = changes
        self._routing = routing
        self._live = live
        self._observed = observed
        self._ranked = ranked
        self._reactions = reactions
        self._rolled = rolled

    async def GetFeed(self, request: pb.GetFeedRequest, context: Any) -> Any:  # noqa: N802 - named by the proto
        """See the proto."""
        if request.HasField("roll_up"):
            if request.order == preference_pb2.ORDER_FOR_YOU:
                raise InvalidRequest("a feed is ranked or rolled up, not both", field="order")
            if request.feed == pb.FEED_KIND_SAVED:
                raise InvalidRequest("what is saved is not rolled up", field="roll_up")
            return await self._rolled_up(request, context)
        caller = principal()
        ask = page_ask(first_page(request), caller)
        ranked = ranked_ask(request, ask)
        if request.page_token and ranked is None:
            ask = page_ask(request, caller)

        async def here() -> pb.GetFeedResponse | bytes:
            if ranked is not None and self._ranked.holds(ranked):
                return await self._ranked.answer(ranked)
            page = await self._reader.page(ask)
            (_PARTIAL if page.partial else _HISTORY if page.asked_history else _TIMELINE).inc()
            shown = [entry.facts.id for entry in page.entries]
            return page_bytes(page, ask, self._observed.of_activities(shown, ask.user, employee=ask.employee))

        return await self._routing.answer(ask.user, context, here, lambda channel: FeedServiceStub(channel).GetFeed, request)

    async def _rolled_up(self, request: pb.GetFeedRequest, context: Any) -> Any:
        rolled = rolled_ask(request, page_ask(without_token(request), principal()))

        async def here() -> bytes:
            return await self._rolled.answer(rolled)

        return await self._routing.answer(
            rolled.ask.user, context, here, lambda channel: FeedServiceStub(channel).GetFeed, request
        )

    async def WatchFeed(  # type: ignore[override]  # noqa: N802 - it writes to the context itself, which the stubs don't know
        self, request: pb.WatchFeedRequest, context: Any
    ) -> None:
        """See the proto."""
        if request.feed not in {pb.FEED_KIND_UNSPECIFIED, pb.FEED_KIND_HOME}:
            raise InvalidRequest("only the home feed is live", field="feed")
        wanted = request.filter if request.HasField("filter") else None
        first = pb.GetFeedRequest(user=request.user, feed=request.feed, page_size=request.page_size, filter=wanted)
        await watch_feed(self._live, self._routing, page_ask(first, principal()), request, context)

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
    """Return which page is asked for. Raises PermissionRefused, PageTokenInvalid, and InvalidRequest for `of` with another feed.

    An admin sees the feed of another as that user does, but INTERNAL only with an employee's token.
    """
    user = user_for(caller, request.user)
    size = clamp_page_size(request.page_size, default=_DEFAULT_SIZE, maximum=_LARGEST_SIZE)
    wanted = _wanted(request.filter) if request.HasField("filter") else NO_FILTER
    ask = PageAsk(user, caller.employee, size, wanted=wanted, saved=request.feed == pb.FEED_KIND_SAVED, of=_whose(request, user))
    if not request.page_token:
        return ask
    below, top = _places(decode_page_token(request.page_token, _fingerprint(ask)))
    return ask._replace(below=below, top=top)


def _whose(request: pb.GetFeedRequest, user: str) -> str:
    """Return whose outbox is asked for, empty for other feeds."""
    if request.feed == pb.FEED_KIND_OUTBOX:
        return request.of or user
    if request.of:
        raise InvalidRequest("only an outbox is of somebody", field="of")
    return ""


def page_bytes(page: Page, ask: PageAsk, tallies: Sequence[Tally] = ()) -> bytes:
    """Return the serialised GetFeedResponse of a page. tallies: what is on its entries."""
    rest = pb.GetFeedResponse(next_page_token=page_token(page, ask), newer_count=page.newer, partial=page.partial)
    return entries_bytes(page.entries, rest.SerializeToString(), tallies)


def page_token(page: Page, ask: PageAsk) -> str:
    """Return the token for what follows a page, empty at the end of the feed."""
    if page.below is None:
        return ""
    position = (*page.below, *(page.top or (None, None)))
    return PageToken(position, _fingerprint(ask)).encode()


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


def _fingerprint(ask: PageAsk) -> str:
    if ask.saved:
        return fingerprint("feed", ask.user, pb.FEED_KIND_SAVED, ask.wanted)
    if ask.of:
        return fingerprint("feed", ask.user, pb.FEED_KIND_OUTBOX, ask.wanted, ask.of)
    return (
        _plain_fingerprint(ask.user) if ask.wanted is NO_FILTER else fingerprint("feed", ask.user, pb.FEED_KIND_HOME, ask.wanted)
    )


@lru_cache(maxsize=10_000)
def _plain_fingerprint(user: str) -> str:
    return fingerprint("feed", user, pb.FEED_KIND_HOME, NO_FILTER)


def _places(position: tuple[Any, ...]) -> tuple[Place, Place | None]:
    """Read the two places of a token back. Raises PageTokenInvalid: a token is no secret, so anything may be in it."""
    if len(position) == _POSITION:
        below, top = position[:2], position[2:]
        if is_place(below) and (top == (None, None) or is_place(top)):
            return Place(*below), None if top == (None, None) else Place(*top)
    raise PageTokenInvalid("the page token is not one of ours")
