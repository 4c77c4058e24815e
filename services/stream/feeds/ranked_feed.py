"""GetFeed by a ranking: messages in, bytes out."""

import struct
from functools import lru_cache
from typing import Any, NamedTuple

from sluice.feed.v1 import feed_service_pb2 as pb

from services.contracts.errors import InvalidRequest
from services.contracts.feed_filter import FeedFilter
from services.contracts.page_tokens import PageToken, PageTokenInvalid, decode_page_token, fingerprint
from services.contracts.preferences import Order
from services.runtime.metrics import FEEDS_PAGES
from services.stream.feeds.observed_counts import ObservedCounts
from services.stream.feeds.page_bytes import entries_bytes
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.places import Place, is_place
from services.stream.feeds.preference_changes import PreferenceChanges
from services.stream.feeds.ranking.ranked_reading import Below, InSnapshot, RankedReader, Wish

#: The feed that can be ranked, by the name under which preferences are kept.
HOME = "HOME"
_HOMES = (pb.FEED_KIND_UNSPECIFIED, pb.FEED_KIND_HOME)
# Field number and wire type of FeedEntry.score; a test reads the bytes back.
_SCORE = b"\x29"
_DOUBLE = struct.Struct("<d")
_IN_SNAPSHOT, _BELOW = 2, 4
_PARTIAL, _RANKED = FEEDS_PAGES.labels("partial"), FEEDS_PAGES.labels("ranked")


class RankedAsk(NamedTuple):
    """Which page of a ranked feed. ask: without a place of its own. if_saved: only if the user has saved that her feed be ranked."""

    ask: PageAsk
    at: InSnapshot | Below | None = None
    if_saved: bool = False


class RankedFeed:
    """Answers requests for ranked feeds. Raises KeyError for users who aren't owned here."""

    def __init__(self, reader: RankedReader, preferences: PreferenceChanges, observed: ObservedCounts) -> None:
        self._reader = reader
        self._preferences = preferences
        self._observed = observed

    def holds(self, ranked: RankedAsk) -> bool:
        """Return whether the feed is to be ranked."""
        return not ranked.if_saved or self._preferences.of(ranked.ask.user, HOME).order is Order.FOR_YOU

    async def answer(self, ranked: RankedAsk) -> bytes:
        """Return the serialised GetFeedResponse. Raises RankingInvalid and SnapshotGone."""
        ask, wanted = ranked.ask, self._preferences.of(ranked.ask.user, HOME)
        page = await self._reader.page(ask, Wish(wanted.expression, wanted.interest_since_ms), ranked.at)
        (_PARTIAL if page.partial else _RANKED).inc()
        tallies = self._observed.of_activities([entry.id for entry in page.entries], ask.user, employee=ask.employee)
        scores = [b"" if score is None else _SCORE + _DOUBLE.pack(score) for score in page.scores]
        token = _token(page.after, ask)
        rest = pb.GetFeedResponse(next_page_token=token, newer_count=page.newer, partial=page.partial)
        return entries_bytes(page.entries, rest.SerializeToString(), tallies, scores)


def ranked_ask(request: pb.GetFeedRequest, first: PageAsk) -> RankedAsk | None:
    """Return which ranked page is asked for, None for one that is newest first in any case. first: the ask without its token.

    Raises InvalidRequest, and PageTokenInvalid for a token of ours in another order than the request asks for.
    """
    order = Order(request.order)
    if request.feed not in _HOMES:
        if order is Order.FOR_YOU:
            raise InvalidRequest("only the home feed can be ranked", field="order")
        return None
    if not request.page_token:
        return None if order is Order.NEWEST else RankedAsk(first, None, order is Order.UNSPECIFIED)
    try:
        position = decode_page_token(request.page_token, _fingerprint(first))
    except PageTokenInvalid:
        if order is Order.FOR_YOU:
            raise
        # Of another order, or nobody's: who reads newest first finds out.
        return None
    if order is Order.NEWEST:
        raise PageTokenInvalid("the page token belongs to a request with other fields")
    return RankedAsk(first, _at(position))


def first_page(request: pb.GetFeedRequest) -> pb.GetFeedRequest:
    """Return the request for the first page of the same."""
    if not request.page_token:
        return request
    first = pb.GetFeedRequest()
    first.CopyFrom(request)
    first.ClearField("page_token")
    return first


def _fingerprint(ask: PageAsk) -> str:
    return _fingerprint_of(ask.user, ask.wanted)


@lru_cache(maxsize=10_000)
def _fingerprint_of(user: str, wanted: FeedFilter) -> str:
    return fingerprint("ranked", user, wanted)


def _token(after: InSnapshot | Below | None, ask: PageAsk) -> str:
    if after is None:
        return ""
    position = tuple(after) if isinstance(after, InSnapshot) else (*after.below, *(after.top or (None, None)))
    return PageToken(position, _fingerprint(ask)).encode()


def _at(position: tuple[Any, ...]) -> InSnapshot | Below:
    """Read a position back. Raises PageTokenInvalid: a token is no secret, so anything may be in it."""
    if len(position) == _IN_SNAPSHOT and isinstance(position[0], str) and type(position[1]) is int and position[1] >= 0:
        return InSnapshot(*position)
    if len(position) == _BELOW and is_place(position[:2]):
        top = position[2:]
        if top == (None, None) or is_place(top):
            return Below(Place(*position[:2]), None if top == (None, None) else Place(*top))
    raise PageTokenInvalid("the page token is not one of ours")
