"""Feeds in XML, broken or not, in whatever encoding the bytes, the declaration or the HTTP header say."""

import calendar
import hashlib
import io
import re
from collections.abc import Mapping
from html import escape
from typing import Any
from xml.sax import SAXException

import feedparser
import orjson

from services.contracts.activity import Attachment
from services.ingest.plain_text import plain_text
from services.ingest.source import MalformedPayload
from services.ingest.sources.rss.feed import Author, Entry, Feed
from services.ingest.sources.rss.links import resolved_html, web_url
from services.ingest.sources.rss.refresh import refresh_s

_MOST_ATTACHMENTS = 50
_HTML = ("text/html", "application/xhtml+xml")
# Only in Atom an entry without author is by the feed's author; the editor of an RSS channel wrote none of it.
_INHERITING = ("atom", "cdf")
_ROOT = re.compile(rb"<(?:\w+:)?(?:rss|feed|rdf|channel)\b", re.IGNORECASE)
_MOST_BEFORE_ROOT = 8192
# feedparser takes 10 to 30 µs a tag, in pure Python: what has none of a feed's own isn't given to it, what has too many neither.
_FEED_TAG = re.compile(rb"<(?:\w+:)?(?:rss|feed|rdf|channel|item|entry)\b", re.IGNORECASE)
_MOST_TAGS = 300_000
_ADDRESS = re.compile(r"(?:mailto:)?[^\s()<>\[\]\"',;:]+@[^\s()<>\[\]\"',;:]*")
# The same author in `authors` and in `author_detail`.
_ONE_AUTHOR = 2


def parse_xml_feed(payload: bytes, *, content_type: str, url: str) -> Feed:
    """Read a feed. url: what relative links are resolved against. Raises MalformedPayload.

    Reasons: `feed-unreadable`, `not-a-feed`, `feed-too-large`, `xml-malformed` (where not one entry can be read; else what can be is).
    """
    plain = payload.replace(b"\0", b"")
    if not _FEED_TAG.search(plain):
        raise MalformedPayload("not-a-feed", "neither RSS, RDF, Atom nor JSON Feed")
    if (tags := plain.count(b"<")) > _MOST_TAGS:
        raise MalformedPayload("feed-too-large", f"{tags} tags, {_MOST_TAGS} are read")
    headers = {"content-type": content_type} if content_type else {}
    try:
        # A stream, because feedparser opens files and URLs that it is given as text or bytes. It isn't told the address: it would
        # take ids such as `42` for relative links, and the same entry would be another one wherever the feed moves.
        document = feedparser.parse(
            io.BytesIO(payload),
            response_headers=headers,
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as error:  # noqa: BLE001 - it parses whatever strangers send, and what it raises then is not documented
        raise MalformedPayload("feed-unreadable", f"the feed can't be parsed: {type(error).__name__}") from None
    version = document.get("version") or ""
    # A page with a title and a feed without a version look alike to feedparser.
    if not version and not document.entries and not _ROOT.search(payload[:_MOST_BEFORE_ROOT].replace(b"\0", b"")):
        raise MalformedPayload("not-a-feed", "neither RSS, RDF, Atom nor JSON Feed")
    if not document.entries and isinstance(document.get("bozo_exception"), SAXException):
        raise MalformedPayload("xml-malformed", "not XML, and no entry can be told")
    return _feed(document, version, url)


def _feed(document: Any, version: str, url: str) -> Feed:
    channel = document.feed
    image = channel.get("image") or {}
    return Feed(
        title=_title(channel),
        url=web_url(url, channel.get("link")),
        icon_url=web_url(url, image.get("href") or channel.get("icon") or channel.get("logo")),
        language=_text(channel.get("language")),
        author=_author(channel, url) if version.startswith(_INHERITING) else None,
        refresh_s=refresh_s(
            _text(channel.get("ttl")), _text(channel.get("sy_updateperiod")), _text(channel.get("sy_updatefrequency"))
        ),
        entries=tuple(_entry(entry, url) for entry in document.entries),
    )


def _entry(entry: Any, url: str) -> Entry:
    body, language = _body(entry, url)
    updated_ms = _ms(entry, "updated_parsed")
    return Entry(
        id=_text(entry.get("id")).strip(),
        url=_link(entry, url),
        title=_title(entry),
        content=body,
        author=_author(entry, url) or _author(entry.get("source") or {}, url),
        attachments=_attachments(entry, url),
        tags=_tags(entry),
        published_ms=_ms(entry, "published_parsed") or _ms(entry, "created_parsed") or updated_ms,
        updated_ms=updated_ms,
        language=language or _text((entry.get("title_detail") or {}).get("language")),
        digest=_digest(entry),
    )


def _title(thing: Any) -> str:
    detail = thing.get("title_detail") or {}
    title = _text(thing.get("title"))
    return plain_text(title) if detail.get("type") in _HTML else " ".join(title.split())


def _link(entry: Any, url: str) -> str:
    """Return the entry's page. Feedparser gives the id as link where there is none; an id that is no address is none."""
    link = _text(entry.get("link")).strip()
    return "" if link == entry.get("id") and not link.startswith(("http://", "https://")) else web_url(url, link)


def _body(entry: Any, url: str) -> tuple[str, str]:
    """Return what the entry holds as HTML, and its language: its contents, those in HTML first, else its summary."""
    language = _text(entry.get("language"))
    contents = sorted(entry.get("content") or [], key=lambda part: part.get("type") not in _HTML)
    for part in [*contents, entry.get("summary_detail") or {}]:
        value, kind = _text(part.get("value")).strip(), part.get("type") or ""
        if value and (kind in _HTML or kind.startswith("text/") or not kind):
            break
    else:
        return "", language
    if kind in _HTML:
        html = resolved_html(web_url(url, part.get("base")) or url, value)
    else:
        html = escape(value, quote=False).replace("\n", "<br>")
    return html, language or _text(part.get("language"))


def _author(thing: Any, url: str) -> Author | None:
    candidates = [*(thing.get("authors") or []), thing.get("author_detail") or {}]
    said = _text(thing.get("author"))
    if "@" in said and len(candidates) <= _ONE_AUTHOR:
        # feedparser tells name and address apart by top-level domains of at most four letters.
        address = _ADDRESS.search(said)
        page = next((web_url(url, candidate.get("href")) for candidate in candidates), "")
        return Author(_ADDRESS.sub(" ", said).strip("()<>[] \t\"'"), address[0] if address else "", page)
    for candidate in candidates:
        name, email = _text(candidate.get("name")).strip(), _text(candidate.get("email")).strip()
        if name or email:
            return Author(name, email, web_url(url, candidate.get("href")))
    return None


def _attachments(entry: Any, url: str) -> tuple[Attachment, ...]:
    links = [link for link in entry.get("links") or [] if link.get("rel") == "enclosure"]
    found: dict[str, Attachment] = {}
    for item in [*links, *(entry.get("media_content") or [])]:
        place = web_url(url, item.get("href") or item.get("url"))
        if place:
            found.setdefault(place, Attachment(place, _text(item.get("type")), _text(item.get("title"))))
    if not found:
        for item in entry.get("media_thumbnail") or []:
            place = web_url(url, item.get("url"))
            if place:
                found[place] = Attachment(place)
    return tuple(found.values())[:_MOST_ATTACHMENTS]


def _tags(entry: Any) -> tuple[str, ...]:
    words = []
    for tag in entry.get("tags") or []:
        term, label = _text(tag.get("term")), _text(tag.get("label"))
        words.append(label if label and "://" in term else term)
    return tuple(word for word in words if word.strip())


def _ms(entry: Any, key: str) -> int:
    # Asked first, because feedparser answers for `updated` with `published` where there is no `updated`.
    if key not in entry or entry[key] is None:
        return 0
    try:
        return calendar.timegm(entry[key]) * 1000
    except (ValueError, OverflowError):
        return 0


def _digest(entry: Mapping[str, Any]) -> str:
    if not any(entry.values()):
        return ""
    return hashlib.sha256(orjson.dumps(_plain(entry), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _plain(value: Any) -> Any:
    """Return value as what JSON can say."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return ascii(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
