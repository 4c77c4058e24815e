"""One item of a document, an act or a bare thing, as activities."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.contracts.activity import Activity, Entity, Source, Verb, activity_id
from services.ingest.loose_fields import as_dict, as_list, as_text, time_ms
from services.ingest.plain_text import plain_text
from services.ingest.source import SourceConfig
from services.ingest.sources.activitystreams.addressing import audience_of
from services.ingest.sources.activitystreams.entities import channel_of, entity_of, is_actor
from services.ingest.sources.activitystreams.identity import act_id, content_id, native_id_of, object_id, said_id
from services.ingest.sources.activitystreams.things import thing_of, title_of
from services.ingest.sources.activitystreams.vocabulary import (
    COMMENTS,
    GROUPS,
    Effect,
    effect_of,
    first_node,
    is_act,
    type_of,
    types_of,
    verb_name,
    verb_of,
)

MAX_OBJECTS = 200
_AUTHOR_KEYS = ("actor", "attributedTo", "author", "creator")
# What these verbs are done to is somebody whose followers and self want to know.
_TOWARDS = {Verb.FOLLOW: "person", Verb.JOIN: "group", Verb.LEAVE: "group"}


def activities_of(item: Mapping[str, Any], config: SourceConfig) -> list[Activity]:
    """Return the activities of one act or thing, none where it says nothing. An act on several objects is several activities."""
    if not is_act(item):
        return [_thing_activity(item, {}, config)] if _says_something(item) else []
    objects = [node for node in as_list(item.get("object")) if isinstance(node, dict | str) and node][:MAX_OBJECTS]
    if len(objects) <= 1:
        return _act_activities(item, config)
    own = said_id(item)
    activities = []
    for node in objects:
        single = {**item, "object": node}
        if own:
            single["id"] = f"{own}#{content_id(node)}"
        activities += _act_activities(single, config)
    return activities


def _says_something(thing: Mapping[str, Any]) -> bool:
    if said_id(thing) or type_of(thing):
        return True
    return any(thing.get(key) for key in ("name", "nameMap", "displayName", "title", "content", "contentMap", "summary"))


def _act_activities(act: Mapping[str, Any], config: SourceConfig) -> list[Activity]:
    about = first_node(act.get("object"))
    effect = effect_of(verb_name(act))
    if effect in (Effect.DELETE, Effect.UNDO, Effect.REVERSE):
        return [_deletion(act, about, effect, config)] if about else []
    if effect is Effect.POST and isinstance(about, dict):
        if is_act(about):
            return activities_of({**about, "actor": about.get("actor") or act.get("actor")}, config)
        return [_thing_activity(about, act, config)]
    if effect is Effect.EDIT and isinstance(about, dict) and said_id(about) and not is_act(about):
        return [_thing_activity(about, act, config)]
    return [_act_activity(act, config)]


def _thing_activity(thing: Mapping[str, Any], act: Mapping[str, Any], config: SourceConfig) -> Activity:
    """Return the activity of a thing that was created or edited by act, or that is a document of its own (act is empty)."""
    if type_of(thing) == "tombstone":
        version = max(time_ms(thing.get("deleted")), time_ms(thing.get("updated")), 0)
        return _marker(content_id(thing), version, config)
    actor = _author((act, thing), config)
    read = thing_of(thing, config)
    published = time_ms(thing.get("published")) or time_ms(act.get("published"))
    updated = time_ms(thing.get("updated")) or time_ms(act.get("updated"))
    edit = effect_of(verb_name(act)) is Effect.EDIT if act else False
    if edit:
        updated = updated or time_ms(act.get("published"))
    title = read.object.title or ("" if read.object.content else title_of(act))
    return Activity(
        source=_source(native_id_of(act, actor=_author((act,), config).name) if act else content_id(thing), config),
        # An edit without a time has no version: refine then counts, where the create's time would hide it.
        version=max(0, updated if edit else max(updated, published)),
        verb=_thing_verb(thing, verb_name(act) if act else ""),
        actor=actor,
        object=replace(read.object, title=title),
        target=_container(act, thing, config),
        audience=audience_of([document for document in (act, thing) if document], actor, config),
        published_ms=published,
        updated_ms=updated,
        tags=read.tags,
        mentions=read.mentions,
        in_reply_to=_sluice_id(thing.get("inReplyTo") or act.get("inReplyTo"), config),
        language=read.language,
    ).with_id()


def _thing_verb(thing: Mapping[str, Any], verb: str) -> Verb:
    """Return COMMENT for an answer, UPDATE for a profile, else POST: an edited post is still that post, in a later version."""
    if is_actor(thing):
        return Verb.POST if effect_of(verb) is Effect.POST and verb else Verb.UPDATE
    if first_node(thing.get("inReplyTo")) or types_of(thing) & COMMENTS:
        return Verb.COMMENT
    return Verb.POST


def _act_activity(act: Mapping[str, Any], config: SourceConfig) -> Activity:
    verb = verb_of(verb_name(act))
    about = first_node(act.get("object"))
    actor = _author((act,), config)
    read = thing_of(about, config)
    published, updated = time_ms(act.get("published")), time_ms(act.get("updated"))
    told = title_of({key: act.get(key) for key in ("name", "displayName", "nameMap", "title", "summary", "summaryMap")})
    body = as_text(act.get("content"))
    return Activity(
        source=_source(native_id_of(act, actor=actor.name), config),
        version=max(0, updated, published),
        verb=verb,
        actor=actor,
        object=replace(
            read.object,
            title=read.object.title or ("" if read.object.content else plain_text(told)),
            content=read.object.content or body,
            activity_id="" if verb in _TOWARDS or is_actor(about) else _about_id(about, config),
        ),
        target=_towards(verb, about, config) or _container(act, {}, config),
        audience=audience_of([act, *([about] if isinstance(about, dict) else [])], actor, config),
        published_ms=published,
        updated_ms=updated,
        tags=read.tags,
        mentions=read.mentions,
        in_reply_to=_sluice_id(act.get("inReplyTo"), config),
        language=read.language,
    ).with_id()


def _about_id(about: Any, config: SourceConfig) -> str:
    if isinstance(about, dict) and is_act(about):
        return _source(object_id(about), config).activity_id
    return _sluice_id(about, config)


def _sluice_id(reference: Any, config: SourceConfig) -> str:
    native = said_id(reference)
    return activity_id(config.kind, config.instance, native) if native else ""


def _deletion(act: Mapping[str, Any], about: Any, effect: Effect, config: SourceConfig) -> Activity:
    """Return the marker for what an act takes back."""
    node = as_dict(about)
    actor = _author((act,), config).name
    version = max(time_ms(act.get("updated")), time_ms(act.get("published")), time_ms(node.get("deleted")), 0)
    if effect is Effect.REVERSE:
        who = content_id(act["actor"]) if first_node(act.get("actor")) else actor
        return _marker(act_id(verb_name(act), who, act), version, config)
    if is_act(node):
        inner = node if first_node(node.get("actor")) else {**node, "actor": act.get("actor")}
        return _marker(native_id_of(inner, actor=actor), version, config)
    return _marker(content_id(about), version, config)


def _marker(native_id: str, version: int, config: SourceConfig) -> Activity:
    return Activity(source=_source(native_id, config)).with_id().as_deleted(version)


def _source(native_id: str, config: SourceConfig) -> Source:
    return Source(kind=config.kind, instance=config.instance, native_id=native_id, channel=config.channel)


def _author(documents: tuple[Mapping[str, Any], ...], config: SourceConfig) -> Entity:
    for document in documents:
        if is_actor(document):
            return entity_of(document, config) or channel_of(config)
        for key in _AUTHOR_KEYS:
            author = entity_of(document.get(key), config)
            if author:
                return author
    return channel_of(config)


def _towards(verb: Verb, about: Any, config: SourceConfig) -> Entity | None:
    return entity_of(about, config, untyped=_TOWARDS[verb]) if verb in _TOWARDS else None


def _container(act: Mapping[str, Any], thing: Mapping[str, Any], config: SourceConfig) -> Entity | None:
    target = entity_of(act.get("target"), config, untyped="channel")
    if target:
        return target
    context = as_dict(thing.get("context"))
    return entity_of(context, config) if types_of(context) & GROUPS else None


def described_link(address: str) -> dict[str, Any]:
    """Return a bare address among a collection's items as the thing that it is."""
    return {"type": "Link", "id": address, "href": address}
