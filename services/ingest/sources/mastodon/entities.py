"""What the API returns, told apart by its fields: the API names no types."""

from collections.abc import Mapping
from typing import Any

from services.contracts.activity import Activity, Entity, Object, Verb
from services.ingest.loose_fields import as_dict, as_id, as_list, as_text, time_ms
from services.ingest.source import Mapped, Rejection, SourceConfig
from services.ingest.sources.mastodon.accounts import entity_of, following, own_account, profile
from services.ingest.sources.mastodon.audiences import direct
from services.ingest.sources.mastodon.notifications import TYPES, map_groups, map_notification
from services.ingest.sources.mastodon.statuses import deletion, edit_activity, poll_options, source_of, status_activity

_CONTEXT = ("ancestors", "descendants")
_SEARCH = ("statuses", "accounts", "hashtags")
# A hashtag that was found is no act.
_FOUND = ("statuses", "accounts")


def map_list(items: list[Any], config: SourceConfig) -> Mapped:
    """Map a page. The entries of a status's history belong together."""
    edits = [item for item in items if is_edit(item)]
    first_ms = min((time_ms(edit.get("created_at")) for edit in edits), default=0)
    parts = [Mapped((edit_activity(item, first_ms, config),)) if is_edit(item) else map_entity(item, config) for item in items]
    return joined(parts)


def map_entity(entity: Any, config: SourceConfig) -> Mapped:
    """Map one thing that the API returns. What nobody did anything by (an instance, a filter …) is a rejection `no-activity`."""
    if isinstance(entity, list):
        return map_list(entity, config)
    if not isinstance(entity, dict):
        return _rejected("unknown-entity", "neither an object nor a list")
    if "notification_groups" in entity:
        return map_groups(entity, config)
    if _is_notification(entity):
        return map_notification(entity, config)
    if is_status(entity):
        return Mapped((_status(entity, config),))
    if is_edit(entity):
        return map_list([entity], config)
    return _container(entity, config) or _about_somebody(entity, config) or _silent(entity)


def joined(parts: list[Mapped]) -> Mapped:
    """Return several results as one, in their order."""
    return Mapped(
        tuple(activity for part in parts for activity in part.activities),
        tuple(rejection for part in parts for rejection in part.rejections),
    )


def is_status(entity: Mapping[str, Any]) -> bool:
    """Return whether it is a status, whole or as a deletion returns it."""
    if "id" not in entity or "all_day" in entity or "params" in entity:
        return False
    return bool(entity.get("reblog")) or bool(
        {"content", "visibility"} & entity.keys() and {"account", "uri", "visibility"} & entity.keys()
    )


def is_edit(entity: Any) -> bool:
    """Return whether it is an entry of a status's history: a content with its time and author, but no id."""
    return isinstance(entity, dict) and "id" not in entity and {"content", "created_at", "account"} <= entity.keys()


def _is_notification(entity: Mapping[str, Any]) -> bool:
    kind = entity.get("type")
    return isinstance(kind, str) and (kind in TYPES or {"account", "created_at"} <= entity.keys()) and "content" not in entity


def _status(status: Mapping[str, Any], config: SourceConfig) -> Activity:
    # Whoever deletes gets the status back with its source text in place of its content.
    if "text" in status and "content" not in status and not status.get("reblog"):
        return deletion(as_id(status.get("id")), config)
    return status_activity(status, config)


def _container(entity: Mapping[str, Any], config: SourceConfig) -> Mapped | None:
    """Map what holds other entities."""
    if set(_CONTEXT) <= entity.keys():
        return joined([map_list(as_list(entity.get(name)), config) for name in _CONTEXT])
    if "last_status" in entity and "accounts" in entity:
        last = as_dict(entity.get("last_status"))
        return map_entity(last, config) if last else _rejected("no-activity", "a conversation without a status")
    if sum(isinstance(entity.get(name), list) for name in _SEARCH) > 1:
        return joined([map_list(as_list(entity.get(name)), config) for name in _FOUND])
    if {"source", "sources"} & entity.keys() and isinstance(entity.get("account"), dict):
        return map_entity(entity["account"], config)
    return None


def _about_somebody(entity: Mapping[str, Any], config: SourceConfig) -> Mapped | None:
    """Map what an account is or follows, what an instance announces and what it asks."""
    native = as_id(entity.get("id"))
    if isinstance(entity.get("following"), bool) and "followed_by" in entity:
        followed = Object(id=native, type="person")
        return Mapped((following(f"following/{native}", followed, config, follows=bool(entity["following"])),))
    if "acct" in entity:
        if entity_of(entity, config) is None:
            return _rejected("account-unnamed", "an account without an address", native)
        return Mapped((profile(entity, config),))
    if entity.get("following") is True and "name" in entity:
        name = as_text(entity.get("name")).lower()
        followed = Object(id=name, type="tag", title=name, url=as_text(entity.get("url")))
        return Mapped((following(f"following-tag/{name}", followed, config, follows=True),))
    if "all_day" in entity and "content" in entity:
        return Mapped((_announcement(entity, native, config),))
    if isinstance(entity.get("options"), list) and {"votes_count", "expired", "expires_at"} & entity.keys():
        return Mapped((_poll(entity, native, config),))
    return None


def _announcement(entity: Mapping[str, Any], native: str, config: SourceConfig) -> Activity:
    """Map what the instance tells all its accounts."""
    published_ms, updated_ms = time_ms(entity.get("published_at")), time_ms(entity.get("updated_at"))
    return Activity(
        source=source_of(f"announcement/{native}", config),
        version=max(published_ms, updated_ms, 0),
        verb=Verb.POST,
        actor=_instance(config),
        object=Object(type="note", content=as_text(entity.get("content"))),
        audience=config.audience,
        published_ms=published_ms,
        updated_ms=updated_ms,
    )


def _poll(entity: Mapping[str, Any], native: str, config: SourceConfig) -> Activity:
    """Map a poll without its status. Who may read that is not said, so only the account that asked for it may."""
    return Activity(
        source=source_of(f"poll/{native}", config),
        verb=Verb.POST,
        actor=_instance(config),
        object=Object(type="question", content=poll_options(entity)),
        audience=direct(own_account(config).name),
    )


def _instance(config: SourceConfig) -> Entity:
    return Entity(config.channel, config.instance)


def _silent(entity: Mapping[str, Any]) -> Mapped:
    if isinstance(entity.get("error"), str):
        return _rejected("api-error", "the API answered with an error")
    if "scheduled_at" in entity:
        return _rejected("no-activity", "a status that is not published yet", as_id(entity.get("id")))
    return _rejected("no-activity", "nothing that anybody did", as_id(entity.get("id")))


def _rejected(reason: str, detail: str, native_id: str = "") -> Mapped:
    return Mapped(rejections=(Rejection(reason, detail, native_id[:500]),))
