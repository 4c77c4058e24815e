"""GetFeed with `roll_up`: messages in, bytes out."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sluice.activity.v1 import activity_pb2, preference_pb2
from sluice.feed.v1 import counts_pb2, feed_entry_pb2, rollup_pb2
from sluice.feed.v1 import feed_service_pb2 as pb

from services.contracts.errors import InvalidRequest
from services.contracts.page_tokens import PageToken, PageTokenInvalid, decode_page_token, fingerprint
from services.runtime.metrics import FEEDS_PAGES
from services.stream.feeds.object_tally import NOTHING, Tally
from services.stream.feeds.observed_counts import ObservedCounts
from services.stream.feeds.page_bytes import entries_bytes
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.places import TOP, Place, is_place
from services.stream.feeds.rolled_reading import RolledEntry, RolledPage, RolledReader
from services.stream.feeds.rollup_details import Rollup
from services.stream.feeds.rollup_pages import SEEN_DIGITS, Cursor
from services.stream.feeds.rollups import HOUR_MS, By, Rule

_FEEDS = (pb.FEED_KIND_UNSPECIFIED, pb.FEED_KIND_HOME, pb.FEED_KIND_OUTBOX)
_HOURS = {
    rollup_pb2.ROLL_UP_WITHIN_UNSPECIFIED: 6,
    rollup_pb2.ROLL_UP_WITHIN_HOUR: 1,
    rollup_pb2.ROLL_UP_WITHIN_SIX_HOURS: 6,
    rollup_pb2.ROLL_UP_WITHIN_DAY: 24,
}
# Place, top, what was seen.
_POSITION = 5
_PARTIAL, _HISTORY, _TIMELINE = (FEEDS_PAGES.labels(name) for name in ("partial", "history", "timeline"))


class RolledAsk(NamedTuple):
    """Which page of which feed, rolled up how. ask: without a place of its own."""

    ask: PageAsk
    rule: Rule
    cursor: Cursor


class RolledFeed:
    """Answers requests for rolled-up feeds."""

    def __init__(self, reader: RolledReader, observed: ObservedCounts) -> None:
        self._reader = reader
        self._observed = observed

    async def answer(self, rolled: RolledAsk) -> bytes:
        """Return the serialised GetFeedResponse. Raises KeyError for a user who isn't owned here."""
        page = await self._reader.page(*rolled)
        (_PARTIAL if page.partial else _HISTORY if page.asked_history else _TIMELINE).inc()
        ask, ids = rolled.ask, [name for each in page.entries for name in _members(each)]
        tallies = self._observed.of_activities(ids, ask.user, employee=ask.employee)
        return rolled_bytes(page, rolled, tallies)


def without_token(request: pb.GetFeedRequest) -> pb.GetFeedRequest:
    """Return a request for the first page. Raises InvalidRequest for a feed or an order that can't be rolled up."""
    if request.feed not in _FEEDS:
        raise InvalidRequest("only home feeds and outboxes are rolled up", field="roll_up")
    if request.order == preference_pb2.ORDER_FOR_YOU:
        raise InvalidRequest("what is rolled up comes newest first", field="order")
    first = pb.GetFeedRequest()
    first.CopyFrom(request)
    first.ClearField("page_token")
    return first


def rolled_ask(request: pb.GetFeedRequest, ask: PageAsk) -> RolledAsk:
    """Return what is asked for. ask: for the first page, see without_token. Raises PageTokenInvalid."""
    wish = request.roll_up
    rule = Rule(frozenset(map(By, wish.by)) or frozenset(By), _HOURS[wish.within] * HOUR_MS)
    if not request.page_token:
        return RolledAsk(ask, rule, Cursor(TOP))
    position = decode_page_token(request.page_token, _fingerprint(ask, rule))
    if len(position) == _POSITION and isinstance(position[-1], str):
        below, top = position[:2], position[2:4]
        if is_place(below) and (top == (None, None) or is_place(top)):
            cursor = Cursor(Place(*below), _seen(position[-1]))
            return RolledAsk(ask._replace(top=None if top == (None, None) else Place(*top)), rule, cursor)
    raise PageTokenInvalid("the page token is not one of ours")


def rolled_bytes(page: RolledPage, rolled: RolledAsk, tallies: Iterable[Tally] = ()) -> bytes:
    """Return the serialised GetFeedResponse of a page. tallies: what is on its activities, group by group, newest first."""
    rest = pb.GetFeedResponse(next_page_token=_token(page, rolled), newer_count=page.newer, partial=page.partial)
    counted, newest, extras = iter(tallies), list[Tally](), list[bytes]()
    for each in page.entries:
        own = [next(counted, NOTHING) for _ in _members(each)]
        newest.append(own[0])
        extras.append(_extra(each, own) if each.rollup else b"")
    return entries_bytes([each.entry for each in page.entries], rest.SerializeToString(), newest, extras)


def _members(each: RolledEntry) -> Iterator[str]:
    if each.rollup is None:
        yield each.entry.id
    else:
        yield from each.rollup.counted_ids


def _extra(each: RolledEntry, tallies: Iterable[Tally]) -> bytes:
    rollup = each.rollup
    if rollup is None:
        return b""
    message = rollup_message(rollup, each.faces)
    together = Tally(*map(sum, zip(*tallies, strict=True)))
    if together != NOTHING:
        message.counts.CopyFrom(counts_pb2.Counts(**together._asdict()))
    return feed_entry_pb2.FeedEntry(rollup=message).SerializeToString()


def rollup_message(rollup: Rollup, faces: Iterable[bytes]) -> rollup_pb2.Rollup:
    """Return a rollup as a message, without counts. faces: bodies of its faces."""
    return rollup_pb2.Rollup(
        key=rollup.key,
        by=map(rollup_pb2.RollUpBy.ValueType, rollup.by),
        count=rollup.size,
        actors=[activity_pb2.Activity.FromString(body).actor for body in faces],
        actor_count=rollup.actor_count,
        unread_count=rollup.unread_count,
        newest_ms=rollup.newest_ms,
        oldest_ms=rollup.oldest_ms,
        member_ids=rollup.member_ids,
    )


def _token(page: RolledPage, rolled: RolledAsk) -> str:
    after = page.after
    if after is None:
        return ""
    seen = base64.b64encode(bytes.fromhex("".join(sorted(after.seen)))).decode()
    position = (*after.below, *(page.top or (None, None)), seen)
    return PageToken(position, _fingerprint(rolled.ask, rolled.rule)).encode()


def _seen(text: str) -> frozenset[str]:
    """Read what was seen from a token. Raises PageTokenInvalid."""
    try:
        digits = base64.b64decode(text, validate=True).hex()
    except (ValueError, binascii.Error):
        raise PageTokenInvalid("the page token is not one of ours") from None
    return frozenset(digits[at : at + SEEN_DIGITS] for at in range(0, len(digits), SEEN_DIGITS))


def _fingerprint(ask: PageAsk, rule: Rule) -> str:
    asked: tuple[Any, ...] = (ask.user, ask.of, ask.wanted, sorted(map(int, rule.by)), rule.bucket_ms)
    return fingerprint("rolled-up feed", *asked)
