"""Statuses, boosts, replies and the versions of a status."""

import mimetypes
from collections.abc import Mapping
from html import escape
from typing import Any

from services.contracts.activity import Activity, Attachment, Audience, Entity, Object, ReportedTotals, Source, Verb, activity_id
from services.ingest.loose_fields import as_dict, as_id, as_list, as_text, one_line, time_ms
from services.ingest.narrowing import narrower
from services.ingest.source import SourceConfig
from services.ingest.sources.mastodon.accounts import entity_of
from services.ingest.sources.mastodon.audiences import audience_of, direct

_MAX_TITLE = 5000
_MAX_TAGS = 200


def status_activity(status: Mapping[str, Any], config: SourceConfig) -> Activity:
    """Map a status by its id at the instance, which is the same in the stream and in REST. version: its last edit, else its creation."""
    if boosted := as_dict(status.get("reblog")):
        return _boost(status, boosted, config)
    created_ms, edited_ms = time_ms(status.get("created_at")), time_ms(status.get("edited_at"))
    answered = as_id(status.get("in_reply_to_id"))
    mentions = _mentions(status, config)
    actor = entity_of(as_dict(status.get("account")), config)
    return Activity(
        source=source_of(as_id(status.get("id")), config),
        version=max(created_ms, edited_ms, 0),
        verb=Verb.COMMENT if answered else Verb.POST,
        actor=actor,
        object=status_object(status),
        audience=_audience(status, actor, mentions, config),
        published_ms=created_ms,
        updated_ms=edited_ms,
        tags=_tags(status),
        mentions=mentions,
        in_reply_to=activity_id(config.kind, config.instance, answered) if answered else "",
        language=as_text(status.get("language")),
        reported=_reported(status),
    )


def deletion(native_id: str, config: SourceConfig) -> Activity:
    """Return the deletion of whatever has this native id; when it was deleted nobody says."""
    return Activity(source=source_of(native_id, config), deleted=True)


def source_of(native_id: str, config: SourceConfig) -> Source:
    """Return where something with this native id came from."""
    return Source(config.kind, config.instance, native_id, config.channel)


def status_object(status: Mapping[str, Any]) -> Object:
    """Return what a status says. Its link card is left out: it appears later and would be another content under the same version."""
    poll = as_dict(status.get("poll"))
    uri = as_text(status.get("uri"))
    return Object(
        id=uri,
        type="question" if poll else "note",
        title=one_line(status.get("spoiler_text"), _MAX_TITLE),
        content=as_text(status.get("content")) + poll_options(poll),
        url=as_text(status.get("url")) or uri,
        attachments=_attachments(status),
    )


def poll_options(poll: Mapping[str, Any]) -> str:
    """Return the choices of a poll as HTML; how many votes they have changes without an edit and is no part of it."""
    titles = [one_line(as_dict(option).get("title") or option, _MAX_TITLE) for option in as_list(poll.get("options"))]
    items = "".join(f"<li>{escape(title, quote=False)}</li>" for title in titles if title)
    return f"<ul>{items}</ul>" if items else ""


def edit_activity(edit: Mapping[str, Any], first_ms: int, config: SourceConfig) -> Activity:
    """Map one entry of a status's history. first_ms: when the first of them was made.

    The history names neither the status nor who may read it: it is known by its author and its creation, and is for the author alone.
    """
    account = as_dict(edit.get("account"))
    actor = entity_of(account, config)
    edited_ms = time_ms(edit.get("created_at"))
    return Activity(
        source=source_of(f"history/{as_id(account.get('id')) or (actor.handle if actor else '')}/{first_ms}", config),
        version=max(edited_ms, 0),
        verb=Verb.POST,
        actor=actor,
        object=status_object(edit),
        audience=direct(actor.name) if actor else Audience(),
        published_ms=first_ms,
        updated_ms=edited_ms if edited_ms != first_ms else 0,
    )


def _boost(boost: Mapping[str, Any], boosted: Mapping[str, Any], config: SourceConfig) -> Activity:
    """Map a boost: it shows what was boosted, to nobody who may not read that."""
    original = status_activity({**boosted, "reblog": None}, config)
    actor = entity_of(as_dict(boost.get("account")), config)
    audience = original.audience
    if boost.get("visibility"):
        audience = narrower(audience, _audience(boost, actor, (), config))
    created_ms = time_ms(boost.get("created_at"))
    shown = original.object
    return Activity(
        source=source_of(as_id(boost.get("id")), config),
        # The boosted status may be edited under the boost.
        version=max(created_ms, original.version),
        verb=Verb.SHARE,
        actor=actor,
        object=Object(
            id=shown.id,
            type=shown.type,
            title=shown.title,
            content=shown.content,
            url=shown.url,
            attachments=shown.attachments,
            activity_id=original.source.activity_id,
        ),
        audience=audience,
        published_ms=created_ms,
        tags=original.tags,
        mentions=original.mentions,
        language=original.language,
    )


def _audience(status: Mapping[str, Any], actor: Entity | None, mentions: tuple[Entity, ...], config: SourceConfig) -> Audience:
    author = actor.name if actor else ""
    return audience_of(as_text(status.get("visibility")), author, (mention.name for mention in mentions), config)


def _mentions(status: Mapping[str, Any], config: SourceConfig) -> tuple[Entity, ...]:
    found = (entity_of(as_dict(mention), config) for mention in as_list(status.get("mentions")))
    return tuple({entity.name: entity for entity in found if entity}.values())


def _reported(status: Mapping[str, Any]) -> ReportedTotals | None:
    """Return how the status does at its instance; nothing of one that has just been written."""
    counts = [status.get(f"{kind}_count") for kind in ("favourites", "reblogs", "replies")]
    likes, shares, comments = (count if isinstance(count, int) and count > 0 else 0 for count in counts)
    return ReportedTotals(likes, shares, comments) if likes or shares or comments else None


def _tags(status: Mapping[str, Any]) -> tuple[str, ...]:
    names = (as_text(as_dict(tag).get("name") if isinstance(tag, dict) else tag) for tag in as_list(status.get("tags")))
    return tuple(name for name in names if name)[:_MAX_TAGS]


def _attachments(status: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """Return the media. Remote ones by their own address: the instance's copy comes later and goes when its cache is emptied."""
    found = []
    for medium in map(as_dict, as_list(status.get("media_attachments"))):
        url = as_text(medium.get("remote_url")) or as_text(medium.get("url")) or as_text(medium.get("preview_url"))
        if url:
            media_type = mimetypes.guess_type(url.partition("?")[0])[0] or ""
            found.append(Attachment(url, media_type, as_text(medium.get("description"))))
    return tuple(found)
