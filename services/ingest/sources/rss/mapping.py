"""From a feed to activities."""

import hashlib
import re

from services.contracts.activity import Activity, Entity, Object, Source, Verb
from services.ingest.source import Mapped, Rejection, SourceConfig
from services.ingest.sources.rss.feed import Author, Entry, Feed

_MAX_NATIVE_ID = 2048
_MAX_NAME = 200
_MAX_TAGS = 200
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
_EMAIL = re.compile(r"\S+@\S+")


def map_feed(feed: Feed, config: SourceConfig) -> Mapped:
    """Return one activity an entry, in document order; an entry that says nothing at all is a rejection `entry-empty`."""
    activities, rejections = [], []
    for place, entry in enumerate(feed.entries, start=1):
        native_id = _native_id(entry)
        if native_id:
            activities.append(_activity(entry, native_id, feed, config))
        else:
            rejections.append(Rejection("entry-empty", f"entry {place} says nothing"))
    return Mapped(tuple(activities), tuple(rejections))


def _activity(entry: Entry, native_id: str, feed: Feed, config: SourceConfig) -> Activity:
    author = entry.author or feed.author
    return Activity(
        source=Source(config.kind, config.instance, native_id, config.channel),
        # Not the date of publication: an article that is edited keeps it, and the edit would be taken for a conflict.
        version=max(entry.updated_ms, 0),
        verb=Verb.POST,
        actor=_person(author, config) if author else _channel(feed, config),
        object=Object(
            type="article",
            title=entry.title,
            content=entry.content,
            url=entry.url,
            attachments=entry.attachments,
        ),
        audience=config.audience,
        published_ms=entry.published_ms,
        updated_ms=entry.updated_ms,
        tags=entry.tags[:_MAX_TAGS],
        language=entry.language or feed.language,
    )


def _native_id(entry: Entry) -> str:
    """Return what the entry is called at its source. Without id and link it is its content, or whatever else it says."""
    named = _NOT_IN_NAMES.sub("", entry.id or entry.url).strip()
    if len(named) > _MAX_NATIVE_ID:
        return f"sha256:{_hash(named)}"
    if named:
        return named
    if entry.title or entry.content:
        return f"sha256:{_hash(f'{entry.title}{chr(0)}{entry.content}')}"
    return f"sha256:{entry.digest}" if entry.digest else ""


def _person(author: Author, config: SourceConfig) -> Entity:
    """Return the author under a name that holds no e-mail address: feeds publish them carelessly, a directory must not."""
    name = " ".join(_NOT_IN_NAMES.sub(" ", author.name).split())[:_MAX_NAME]
    email = author.email or (name if _EMAIL.fullmatch(name) else "")
    name = " ".join(_EMAIL.sub(" ", name).split()).strip("()<> ")
    if name:
        native, shown = name.casefold().replace(" ", "-"), name
    else:
        native, shown = f"mail-{_hash(email.casefold())[:16]}", email.partition("@")[0][:_MAX_NAME]
    return Entity(config.person(native), shown, url=author.url, avatar_url=author.avatar_url)


def _channel(feed: Feed, config: SourceConfig) -> Entity:
    return Entity(config.channel, feed.title, url=feed.url, avatar_url=feed.icon_url)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
