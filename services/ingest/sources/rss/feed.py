"""What all kinds of feeds have in common, once read."""

from dataclasses import dataclass, field

from services.contracts.activity import Attachment


@dataclass(frozen=True, slots=True)
class Author:
    """Somebody as a feed names them; any part may be empty."""

    name: str = ""
    email: str = ""
    url: str = ""
    avatar_url: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One article. id: the feed's own, may be empty. title: plain text. content: HTML. Times: int64 ms, 0 where unknown.

    digest: a hash of everything that the feed says of it, for entries without id and link; empty where it says nothing at all.
    """

    id: str = ""
    url: str = ""
    title: str = ""
    content: str = ""
    author: Author | None = None
    attachments: tuple[Attachment, ...] = ()
    tags: tuple[str, ...] = ()
    published_ms: int = 0
    updated_ms: int = 0
    language: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed and its entries in document order. author: of all entries that name none.

    refresh_s: seconds between two readings that it asks for, 0 where it asks for nothing.
    """

    title: str = ""
    url: str = ""
    icon_url: str = ""
    language: str = ""
    author: Author | None = None
    refresh_s: float = 0.0
    entries: tuple[Entry, ...] = field(default=())
