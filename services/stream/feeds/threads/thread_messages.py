"""Conversations as messages: requests, page tokens, answers."""

from collections.abc import Iterable
from typing import Any

from sluice.feed.v1 import feed_entry_pb2, feed_service_pb2
from sluice.feed.v1 import thread_pb2 as pb

from services.contracts.page_tokens import PageToken, PageTokenInvalid, clamp_page_size, decode_page_token, fingerprint
from services.contracts.principal import Principal
from services.stream.feeds.object_tally import Tally
from services.stream.feeds.page_bytes import entries_bytes
from services.stream.feeds.pages import Entry
from services.stream.feeds.places import Place
from services.stream.feeds.threads.asking import Thread, ThreadAsk, ThreadOrder
from services.stream.feeds.threads.thread_tree import DEEPEST, Path

DEFAULT_SIZE = 50
LARGEST_SIZE = 200
_ID_DIGITS = 32


def thread_ask(request: pb.GetThreadRequest, caller: Principal) -> ThreadAsk:
    """Return which page is asked for. Raises PageTokenInvalid."""
    order = ThreadOrder(request.order or ThreadOrder.TREE)
    size = clamp_page_size(request.page_size, default=DEFAULT_SIZE, maximum=LARGEST_SIZE)
    ask = ThreadAsk(caller.user, caller.employee, request.activity_id, size, order)
    if not request.page_token:
        return ask
    after = _path(decode_page_token(request.page_token, _fingerprint(ask)))
    if order is not ThreadOrder.TREE and len(after) > 1:
        raise PageTokenInvalid("the page token is not one of ours")
    return ThreadAsk(caller.user, caller.employee, request.activity_id, size, order, after)


def thread_message(thread: Thread, ask: ThreadAsk, tallies: Iterable[Tally] = ()) -> pb.GetThreadResponse:
    """Return the answer to what was asked. tallies: what is on its entries, one by one."""
    token = ""
    if thread.next_after is not None:
        token = PageToken(tuple(value for place in thread.next_after for value in place), _fingerprint(ask)).encode()
    entry, *others = _messages(thread.entries, tallies)
    following = iter(others)
    return pb.GetThreadResponse(
        ancestors=[
            pb.ThreadAncestor(entry=next(following)) if each else pb.ThreadAncestor(gap=True) for each in thread.ancestors
        ],
        entry=entry,
        replies=[
            pb.ThreadReply(entry=message, parent_id=reply.parent, depth=reply.depth, aside=reply.aside, cut=reply.cut)
            for (reply, _), message in zip(thread.replies, following, strict=True)
        ],
        next_page_token=token,
        reply_count=thread.count,
        truncated=thread.truncated,
    )


def _messages(entries: Iterable[Entry], tallies: Iterable[Tally]) -> Iterable[feed_entry_pb2.FeedEntry]:
    """Return entries as a page of a feed has them."""
    return feed_service_pb2.GetFeedResponse.FromString(entries_bytes(entries, tallies=tallies)).entries


def _fingerprint(ask: ThreadAsk) -> str:
    return fingerprint("thread", ask.user, ask.activity, ask.order)


def _path(position: tuple[Any, ...]) -> Path:
    """Read the places of a token back. Raises PageTokenInvalid: a token is no secret, so anything may be in it."""
    times, ids = position[::2], position[1::2]
    whole = len(times) == len(ids) <= DEEPEST
    if not whole or not all(type(time) is int for time in times) or not all(map(_is_id, ids)):
        raise PageTokenInvalid("the page token is not one of ours")
    return tuple(map(Place, times, ids))


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) == _ID_DIGITS and set(value) <= set("0123456789abcdef")
