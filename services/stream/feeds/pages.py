"""What is asked of a feed and what it answers."""

from typing import NamedTuple

from services.contracts.feed_filter import NO_FILTER, FeedFilter
from services.contracts.matching import Facts
from services.stream.feeds.places import TOP, Place, place_of


class PageAsk(NamedTuple):
    """Which page of whose feed. below: where it begins. top: the first entry of the first page; None for that page.

    of: the entity whose outbox it is, or a kind with `*`, see outboxes; empty for the user's home feed. saved: it is what
    the user has saved, see saved_feed.
    """

    user: str
    employee: bool
    size: int
    below: Place = TOP
    top: Place | None = None
    wanted: FeedFilter = NO_FILTER
    of: str = ""
    saved: bool = False


class Entry(NamedTuple):
    """One activity as one reader sees it. body: the record value."""

    facts: Facts
    body: bytes
    liked: bool
    saved: bool
    read: bool
    done: bool = False
    seen: bool = False

    @property
    def id(self) -> str:
        """The activity's id."""
        return self.facts.id

    @property
    def place(self) -> Place:
        """Where it stands in the feed."""
        return place_of(self.facts)


class Page(NamedTuple):
    """entries: newest first. below: where the next page begins, None at the end. newer: entries above top. See the proto."""

    entries: list[Entry]
    below: Place | None
    top: Place | None
    newer: int
    partial: bool
    asked_history: bool = False
