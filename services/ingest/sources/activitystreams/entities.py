"""Who acts, is written to or is named."""

import hashlib
from collections.abc import Mapping
from typing import Any

from services.contracts.activity import Entity
from services.ingest.loose_fields import as_id, as_text, one_line
from services.ingest.source import SourceConfig
from services.ingest.sources.activitystreams.identity import link_of
from services.ingest.sources.activitystreams.vocabulary import ACTORS, GROUPS, PEOPLE, SERVICES, first_node, types_of

MAX_DISPLAY_NAME = 500
MAX_ENTITY_NAME = 512
_NAME_KEYS = ("name", "displayName", "nameMap", "preferredUsername", "title", "summary")


def name_of(node: Mapping[str, Any]) -> str:
    """Return what to call a node: its name, of a language map the first by language."""
    for key in _NAME_KEYS:
        value = node.get(key)
        if isinstance(value, dict) and "@value" not in value:
            value = [value[language] for language in sorted(value)]
        name = one_line(value, MAX_DISPLAY_NAME)
        if name:
            return name
    return ""


def native_of(value: Any) -> str:
    """Return the native id of somebody; who has neither id nor address is named by the name, marked as such."""
    node = first_node(value)
    if not isinstance(node, dict):
        return as_id(node)
    native = as_id(node.get("id")) or link_of(node.get("url")) or as_id(node.get("href"))
    name = name_of(node)
    return native or (f"name:{name}" if name else "")


def entity_of(value: Any, config: SourceConfig, *, untyped: str = "person") -> Entity | None:
    """Return somebody or something as an entity, None where nothing names it. untyped: the kind of what has no type.

    A container that is neither person, group nor service (a blog, an album, a collection) is a channel.
    """
    native = native_of(value)
    if not native:
        return None
    node = first_node(value)
    details = node if isinstance(node, dict) else {}
    return Entity(
        name=entity_name(_kind_of(details, untyped), native, config),
        display_name=name_of(details),
        handle=as_text(details.get("preferredUsername") or details.get("username"))[:MAX_DISPLAY_NAME].lstrip("@"),
        url=link_of(details.get("url")),
        avatar_url=link_of(details.get("icon")) or link_of(details.get("image")),
    )


def entity_name(kind: str, native: str, config: SourceConfig) -> str:
    """Return the entity name of a native id; one that is too long gets its hash."""
    name = _entity_name(kind, native, config)
    if len(name) <= MAX_ENTITY_NAME:
        return name
    return _entity_name(kind, f"sha256:{hashlib.sha256(native.encode()).hexdigest()}", config)


def _entity_name(kind: str, native: str, config: SourceConfig) -> str:
    match kind:
        case "person":
            return config.person(native)
        case "group":
            return config.group(native)
        case _:
            return f"{kind}:{config.kind}:{config.instance}:{native}"


def channel_of(config: SourceConfig) -> Entity:
    """Return the configured channel: the actor of what names nobody."""
    return Entity(name=config.channel)


def is_actor(value: Any) -> bool:
    """Return whether a value is an object that is somebody."""
    node = first_node(value)
    return isinstance(node, dict) and bool(types_of(node) & ACTORS)


def _kind_of(node: Mapping[str, Any], untyped: str) -> str:
    types = types_of(node)
    for kind, members in (("person", PEOPLE), ("group", GROUPS), ("service", SERVICES)):
        if types & members:
            return kind
    return "channel" if types else untyped
