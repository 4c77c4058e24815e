"""What an act is about: a note, an article, a picture, somebody."""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.contracts.activity import Attachment, Entity, Object
from services.ingest.loose_fields import as_list, as_text, one_line
from services.ingest.plain_text import plain_text
from services.ingest.source import SourceConfig
from services.ingest.sources.activitystreams.entities import entity_of, name_of
from services.ingest.sources.activitystreams.identity import link_of, said_id
from services.ingest.sources.activitystreams.vocabulary import ACTORS, LINKS, MEDIA, first_node, is_act, type_of

MAX_TITLE = 5000
MAX_MENTIONS = 500
MAX_ATTACHMENTS = 50
_PLAIN_MEDIA = ("text/plain", "text/markdown")
_TAG_TYPES = frozenset({"hashtag", "tag"})
_MENTION_TYPES = frozenset({"mention"} | ACTORS)


@dataclass(frozen=True, slots=True)
class Thing:
    """An object with what belongs to the activity around it."""

    object: Object
    tags: tuple[str, ...] = ()
    mentions: tuple[Entity, ...] = ()
    language: str = ""


def thing_of(value: Any, config: SourceConfig) -> Thing:
    """Read an embedded object or a reference; nothing at all becomes an empty object."""
    node = first_node(value)
    if not isinstance(node, dict):
        return Thing(Object(id=said_id(node), type="object", url=said_id(node)) if node else Object())
    content, language = _content(node)
    kind = type_of(node)
    read = Object(
        id=said_id(node),
        type=("activity" if is_act(node) else kind) or "note",
        title=title_of(node, content),
        content=content,
        url=link_of(node.get("url")) or (link_of(node.get("href")) if kind in LINKS else ""),
        attachments=tuple(_attachments(node))[:MAX_ATTACHMENTS],
    )
    return Thing(read, tuple(_tags(node)), tuple(_mentions(node, config))[:MAX_MENTIONS], language)


def title_of(node: Mapping[str, Any], content: str = "") -> str:
    """Return what a node is called, as plain text. content: the body, which is not repeated as the title."""
    title = plain_text(name_of(node), MAX_TITLE)
    return "" if content and title == plain_text(content, MAX_TITLE) else title


def _content(node: Mapping[str, Any]) -> tuple[str, str]:
    """Return the body as HTML, and its language where it is said."""
    languages = node.get("contentMap") or node.get("summaryMap")
    mapped = _of_language_map(languages)
    body = as_text(node.get("content")) or mapped[0] or as_text(node.get("summary"))
    if as_text(node.get("mediaType")).startswith(_PLAIN_MEDIA):
        body = html.escape(body, quote=False)
    return body, mapped[1] if isinstance(languages, dict) and len(languages) == 1 else ""


def _of_language_map(value: Any) -> tuple[str, str]:
    if isinstance(value, dict):
        for language in sorted(value):
            if as_text(value[language]):
                return as_text(value[language]), language.split("-")[0].lower()
    return "", ""


def _tags(node: Mapping[str, Any]) -> Iterator[str]:
    for tag in (*as_list(node.get("tag")), *as_list(node.get("tags"))):
        if isinstance(tag, str):
            yield tag
        elif isinstance(tag, dict) and type_of(tag) in _TAG_TYPES:
            yield one_line(tag.get("name") or tag.get("displayName"), MAX_TITLE)


def _mentions(node: Mapping[str, Any], config: SourceConfig) -> Iterator[Entity]:
    for tag in (*as_list(node.get("tag")), *as_list(node.get("tags"))):
        if not isinstance(tag, dict) or type_of(tag) not in _MENTION_TYPES:
            continue
        who = {**tag, "type": "person", "objectType": None} if type_of(tag) == "mention" else tag
        # A mention's own id names the link, its address names who is meant.
        if type_of(tag) == "mention" and (tag.get("href") or tag.get("url")):
            who = {**who, "id": link_of(tag.get("href")) or link_of(tag.get("url"))}
        entity = entity_of(who, config)
        if entity:
            yield entity


def _attachments(node: Mapping[str, Any]) -> Iterator[Attachment]:
    # A medium is its own first attachment.
    own = [node] if type_of(node) in MEDIA else []
    listed = [*as_list(node.get("attachment")), *as_list(node.get("attachments")), *own]
    for item in (*listed, *as_list(node.get("image"))):
        details = item if isinstance(item, dict) else {}
        media = next((part for part in as_list(details.get("url")) if isinstance(part, dict)), {})
        stream = details.get("fullImage") or details.get("stream") or {}
        address = link_of(stream) or link_of(details.get("url")) or link_of(item)
        if address:
            yield Attachment(
                url=address,
                media_type=as_text(details.get("mediaType") or details.get("mimeType") or media.get("mediaType")),
                title=one_line(details.get("name") or details.get("displayName") or details.get("summary"), MAX_TITLE),
            )
