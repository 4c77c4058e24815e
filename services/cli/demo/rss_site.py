"""A blog that serves RSS 2.0 and answers conditional requests, as a web server would."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

PAGE_ITEMS = 500


@dataclass(frozen=True, slots=True)
class Item:
    """One article. times in milliseconds since the epoch."""

    guid: str
    title: str
    content: str
    author: str
    tags: tuple[str, ...]
    language: str
    published_ms: int


class RssSite:
    """Serves `/feed.xml` with the newest items."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.items: list[Item] = []

    def dump(self) -> list[dict[str, Any]]:
        """Return what a restart needs."""
        return [asdict(item) for item in self.items]

    def load(self, state: Iterable[Mapping[str, Any]]) -> None:
        """Go on from what `dump` returned."""
        self.items = [Item(**{**item, "tags": tuple(item["tags"])}) for item in state]

    def add(self, item: Item) -> None:
        """Publish an article."""
        self.items.append(item)

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return the routes under prefix."""
        return [web.get(f"{prefix}/feed.xml", self._feed)]

    def render(self, base: str) -> bytes:
        """Return the feed document. base: the URL that items link to."""
        items = "".join(_item(item, base) for item in reversed(self.items[-PAGE_ITEMS:]))
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
            f'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>{escape(self.title)}</title>'
            f"<link>{escape(base)}</link><description>{escape(self.title)}</description>{items}</channel></rss>"
        ).encode()

    async def _feed(self, request: web.Request) -> web.Response:
        body = self.render(str(request.url.parent))
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.Response(body=body, headers={"ETag": etag, "Content-Type": "application/rss+xml; charset=utf-8"})


def _item(item: Item, base: str) -> str:
    date = format_datetime(datetime.fromtimestamp(item.published_ms / 1000, tz=UTC), usegmt=True)
    tags = "".join(f"<category>{escape(tag)}</category>" for tag in item.tags)
    return (
        f'<item><guid isPermaLink="false">{escape(item.guid)}</guid><title>{escape(item.title)}</title>'
        f"<link>{escape(base)}/{escape(item.guid)}</link><dc:creator>{escape(item.author)}</dc:creator>"
        f"<dc:language>{item.language}</dc:language><pubDate>{date}</pubDate>{tags}"
        f"<content:encoded>{escape(item.content)}</content:encoded></item>"
    )
