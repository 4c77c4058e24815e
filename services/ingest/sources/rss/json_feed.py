"""Feeds in JSON: jsonfeed.org, versions 1 and 1.1."""

import hashlib
from collections.abc import Mapping
from html import escape
from typing import Any

import orjson

from services.contracts.activity import Attachment
from services.ingest.json_payload import parse_json
from services.ingest.loose_fields import as_dict, as_id, as_list, as_text, one_line, texts, time_ms
from services.ingest.source import MalformedPayload
from services.ingest.sources.rss.feed import Author, Entry, Feed
from services.ingest.sources.rss.links import resolved_html, web_url

_MOST_ATTACHMENTS = 50
_MAX_TITLE = 5000


def parse_json_feed(payload: bytes, *, url: str) -> Feed:
    """Read a feed. url: what relative links are resolved against. Raises MalformedPayload: `not-a-feed` or one of parse_json's."""
    document = parse_json(payload)
    if not isinstance(document, dict) or not ("jsonfeed.org" in as_text(document.get("version")) or _items(document)):
        raise MalformedPayload("not-a-feed", "JSON, but no JSON Feed")
    base = web_url(url, document.get("feed_url")) or url
    return Feed(
        title=one_line(document.get("title"), _MAX_TITLE),
        url=web_url(base, document.get("home_page_url")),
        icon_url=web_url(base, document.get("icon") or document.get("favicon")),
        language=as_text(document.get("language")),
        author=_author(document),
        entries=tuple(_entry(as_dict(item), base) for item in _items(document)),
    )


def _items(document: Mapping[str, Any]) -> list[Any]:
    items = document.get("items")
    return items if isinstance(items, list) else []


def _entry(item: Mapping[str, Any], base: str) -> Entry:
    text = as_text(item.get("content_text")) or as_text(item.get("summary"))
    published_ms, updated_ms = time_ms(item.get("date_published")), time_ms(item.get("date_modified"))
    return Entry(
        id=as_id(item.get("id")),
        url=web_url(base, item.get("url") or item.get("external_url")),
        title=one_line(item.get("title"), _MAX_TITLE),
        content=resolved_html(base, as_text(item.get("content_html"))) or escape(text, quote=False).replace("\n", "<br>"),
        author=_author(item),
        attachments=_attachments(item, base),
        tags=tuple(texts(item.get("tags"))),
        published_ms=published_ms or updated_ms,
        updated_ms=updated_ms,
        language=as_text(item.get("language")),
        digest=hashlib.sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).hexdigest() if any(item.values()) else "",
    )


def _author(thing: Mapping[str, Any]) -> Author | None:
    for author in [*as_list(thing.get("authors")), thing.get("author")]:
        named = as_dict(author)
        if name := one_line(named.get("name") if named else author, 500):
            email = name if "@" in name and " " not in name else ""
            return Author("" if email else name, email, as_text(named.get("url")), as_text(named.get("avatar")))
    return None


def _attachments(item: Mapping[str, Any], base: str) -> tuple[Attachment, ...]:
    found: dict[str, Attachment] = {}
    for attachment in map(as_dict, as_list(item.get("attachments"))):
        if url := web_url(base, attachment.get("url")):
            found.setdefault(url, Attachment(url, as_text(attachment.get("mime_type")), as_text(attachment.get("title"))))
    for picture in (item.get("image"), item.get("banner_image")):
        if url := web_url(base, picture):
            found.setdefault(url, Attachment(url))
    return tuple(found.values())[:_MOST_ATTACHMENTS]
