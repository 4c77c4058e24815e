"""What is asked of a feed and what it answers."""

from typing import NamedTuple

from services.contracts.feed_filter import NO_FILTER, FeedFilter
from services.stream.feeds.places import TOP, Place


class PageAsk(NamedTuple):
    """Which page of whose home feed. below: where it begins. top: the first entry of the first page; None for that page."""

    user: str
    employee: bool
    size: int
    below: Place = TOP
    top: Place | None = None
    wanted: FeedFilter = NO_FILTER


class Entry(NamedTuple):
    """One activity as one reader sees it. body: the record value."""

    id: str
    place: Place
    body: bytes
    liked: bool
    saved: bool
    read: bool


class Page(NamedTuple):
    """entries: newest first. below: where the next page begins, None at the end. newer: entries above top. See the proto."""

    entries: list[Entry]
    below: Place | None
    top: Place | None
    newer: int
    partial: bool
    asked_history: bool = False
