"""Polling a feed for ever, and mapping what comes."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from services.ingest.source import Cursor, Deliver, MalformedPayload, Mapped, Rejection, SourceConfig
from services.ingest.sources.rss.cursor import FeedCursor
from services.ingest.sources.rss.feed import Feed
from services.ingest.sources.rss.json_feed import parse_json_feed
from services.ingest.sources.rss.mapping import map_feed
from services.ingest.sources.rss.options import RssOptions
from services.ingest.sources.rss.refresh import pause_s
from services.ingest.sources.rss.xml_feed import parse_xml_feed

_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
)
_OK, _NOT_MODIFIED, _GONE = 200, 304, 410
_BEFORE_TEXT = b" \t\r\n\0\xef\xbb\xbf\xfe\xff"


class FeedGone(Exception):
    """The server says that the feed was taken down for good. It is asked again once a day."""

    reason = "feed-gone"
    retry_after_s = 86_399.0


@dataclass(frozen=True, slots=True)
class RssConnector:
    """RSS, RDF, Atom and JSON Feed. now_s, chance and sleep: time and randomness."""

    now_s: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    kind: str = "rss"

    def map_payload(self, payload: bytes, config: SourceConfig, *, content_type: str = "") -> Mapped:
        """Map a feed; one without entries maps to nothing. Raises MalformedPayload where it is no feed."""
        return map_feed(_parse(payload, content_type, config.url), config)

    async def run(self, config: SourceConfig, cursor: Cursor, deliver: Deliver, http: Any) -> None:
        """Poll for ever. Each poll delivers the entries that are new or changed, oldest first, and moves the cursor past them.

        Raises FetchError, FeedGone and what deliver raises; started again from the stored cursor it repeats and never skips.
        """
        options = RssOptions.of(config)
        state = FeedCursor.read(cursor, config.url)
        asked_s = 0.0
        while True:
            answer = await self._fetch(config, options, state, http)
            state = replace(state, url=answer.permanent_url or state.url)
            mapped = Mapped()
            if answer.status == _OK:
                state = replace(state, etag=answer.headers.get("etag", ""), last_modified=answer.headers.get("last-modified", ""))
                feed = await asyncio.to_thread(_read, answer.body, answer.headers.get("content-type", ""), answer.url)
                mapped, state = _news(feed, config, state)
                asked_s = feed.refresh_s if isinstance(feed, Feed) else 0.0
            await deliver(mapped, state.stored())
            await self.sleep(pause_s(config.interval_s, asked_s, options.longest_interval_s, self.chance()))

    async def _fetch(self, config: SourceConfig, options: RssOptions, state: FeedCursor, http: Any) -> Any:
        """Return an answer with status 200 or 304."""
        headers = {"Accept": _ACCEPT, **state.conditions(), **options.headers(config.secret)}
        answer = await http.get(state.url or config.url, headers, options.max_bytes)
        if answer.status == _GONE:
            raise FeedGone("the feed is gone")
        if answer.status not in (_OK, _NOT_MODIFIED):
            raise answer.unexpected(self.now_s())
        return answer


def _parse(payload: bytes, content_type: str, url: str) -> Feed:
    if payload[:200].lstrip(_BEFORE_TEXT).startswith((b"{", b"[")):
        return parse_json_feed(payload, url=url)
    return parse_xml_feed(payload, content_type=content_type, url=url)


def _read(payload: bytes, content_type: str, url: str) -> Feed | Rejection:
    """Parse, outside the event loop: a large feed takes seconds."""
    try:
        return _parse(payload, content_type, url)
    except MalformedPayload as error:
        return Rejection(error.reason, str(error), payload=payload)


def _news(feed: Feed | Rejection, config: SourceConfig, state: FeedCursor) -> tuple[Mapped, FeedCursor]:
    """Return what is new, oldest first, and the cursor that knows it. An answer that is no feed is a rejection."""
    if isinstance(feed, Rejection):
        return Mapped(rejections=(feed,)), state
    mapped = map_feed(feed, config)
    news, state = state.without_known(mapped.activities)
    return Mapped(news[::-1], mapped.rejections), state
