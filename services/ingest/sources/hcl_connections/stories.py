"""Stories of the activity stream API (JSON, after Activity Streams 1.0 with Connections' extensions) as activities."""

import html
from collections.abc import Iterator, Mapping
from typing import Any

from services.contracts.activity import Activity, Entity, Object, Source, Verb, activity_id
from services.ingest.loose_fields import as_dict, as_id, as_list, as_text, one_line, time_ms
from services.ingest.plain_text import plain_text
from services.ingest.source import SourceConfig
from services.ingest.sources.hcl_connections.names import (
    MAX_ID,
    container_entity,
    is_community,
    is_person,
    native_of,
    people_in,
    without_hidden_ids,
)
from services.ingest.sources.hcl_connections.readers import audience_of
from services.ingest.sources.hcl_connections.story_readers import communities_of, context_of, visibility_of

MAX_DISPLAY_NAME = 500
MAX_MENTIONS = 500
_VERBS = {
    **dict.fromkeys(("post", "create", "publish", "upload"), Verb.POST),
    **dict.fromkeys(("comment", "reply", "respond"), Verb.COMMENT),
    **dict.fromkeys(("update", "edit"), Verb.UPDATE),
    **dict.fromkeys(("like", "recommend", "favorite"), Verb.LIKE),
    **dict.fromkeys(("share", "reshare", "repost"), Verb.SHARE),
    "follow": Verb.FOLLOW,
    "join": Verb.JOIN,
    "leave": Verb.LEAVE,
    "add": Verb.ADD,
    "mention": Verb.MENTION,
}
_DELETES = frozenset({"delete", "deleted"})
_ON_CONTENT = frozenset({Verb.POST, Verb.COMMENT, Verb.UPDATE})
_TOWARDS = frozenset({Verb.FOLLOW, Verb.JOIN, Verb.LEAVE})
_ANSWERS = ("comment", "reply", "response")


def activities_of_story(story: Mapping[str, Any], config: SourceConfig) -> list[Activity]:
    """Return the activity of a story and of the answers that it carries along; none where it has neither id nor object."""
    about = as_dict(story.get("object"))
    native = native_id_of(story)
    if not native:
        return []
    if _is_deletion(story):
        version = max(0, time_ms(story.get("updated")) or time_ms(story.get("published")))
        return [Activity(source=_source(native, config)).with_id().as_deleted(version)]
    activity = _activity(story, about, native, config)
    return [activity, *_answers(about, activity, config)]


def native_id_of(story: Mapping[str, Any]) -> str:
    """Return under which id a story is kept: content's own, so that create, edits and delete are one, otherwise the story's.

    A person, a community and the commented-on thing of a story about a comment aren't the story's content.
    """
    about = as_dict(story.get("object"))
    object_id, story_id = as_id(about.get("id"))[:MAX_ID], as_id(story.get("id"))[:MAX_ID]
    if _is_deletion(story) and object_id:
        return object_id
    owns = object_id.startswith("urn:lsid:") and not is_person(object_id) and not is_community(object_id)
    if owns and _verb_of(story) in _ON_CONTENT and _answers_itself(story, about):
        return object_id
    return story_id or object_id


def _verb_of(story: Mapping[str, Any]) -> Verb:
    name = as_text(story.get("verb")).rsplit("/", 1)[-1].lower()
    return _VERBS.get(name, Verb.OTHER) if name else Verb.POST


def _is_deletion(story: Mapping[str, Any]) -> bool:
    return as_text(story.get("verb")).lower() in _DELETES


def _event_type(story: Mapping[str, Any]) -> str:
    return as_text(context_of(story).get("eventType")).lower()


def _is_answer(about: Mapping[str, Any]) -> bool:
    named = f"{as_text(about.get('objectType'))} {as_id(about.get('id'))}".lower()
    return any(word in named for word in _ANSWERS)


def _answers_itself(story: Mapping[str, Any], about: Mapping[str, Any]) -> bool:
    """Return whether the object of a story is what was written: a comment's story may show the thing commented on instead."""
    tells_of_answer = _verb_of(story) is Verb.COMMENT or any(f".{word}" in _event_type(story) for word in _ANSWERS)
    return _is_answer(about) or not tells_of_answer


def _activity(story: Mapping[str, Any], about: Mapping[str, Any], native: str, config: SourceConfig) -> Activity:
    verb = _final_verb(story, about, native)
    actor = _person(story.get("actor"), config) or _person(about.get("author"), config) or Entity(name=config.channel)
    if verb in _ON_CONTENT and native == as_id(about.get("id")):
        # An edit by somebody else is still a version of the author's post.
        actor = _person(about.get("author"), config) or actor
    extension = as_dict(story.get("connections"))
    published = time_ms(story.get("published")) or time_ms(about.get("published"))
    updated = time_ms(story.get("updated"))
    body = _body(story, about)
    return Activity(
        source=_source(native, config),
        version=max(0, updated, published),
        verb=verb,
        actor=actor,
        object=_object(story, body, verb, native, config),
        target=_target(story, extension, config),
        audience=audience_of(visibility_of(story), actor, config),
        published_ms=published,
        updated_ms=updated,
        tags=tuple(_tags(about)),
        mentions=tuple({entity.name: entity for entity in people_in(body, config)}.values())[:MAX_MENTIONS],
        in_reply_to=_answered(story, about, verb, native, config),
        rollup_id=as_id(extension.get("rollupid"))[:MAX_ID],
    ).with_id()


def _final_verb(story: Mapping[str, Any], about: Mapping[str, Any], native: str) -> Verb:
    """Return COMMENT for answers, and POST for an edit of content: it is the post in a later version."""
    verb = _verb_of(story)
    if verb not in _ON_CONTENT:
        return verb
    if _is_answer(about) or not _answers_itself(story, about):
        return Verb.COMMENT
    return Verb.POST if verb is Verb.UPDATE and native == as_id(about.get("id")) else verb


def _body(story: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the content as HTML; where the story has none, the sentence that tells what happened."""
    for candidate in (about.get("content"), about.get("summary"), context_of(story).get("summary"), story.get("content")):
        body = as_text(candidate)
        if body:
            return body
    return html.escape(_sentence(story), quote=False)


def _sentence(story: Mapping[str, Any]) -> str:
    plain = one_line(as_dict(story.get("connections")).get("plainTitle"), 5000)
    return plain or plain_text(without_hidden_ids(as_text(story.get("title"))))


def _object(story: Mapping[str, Any], body: str, verb: Verb, native: str, config: SourceConfig) -> Object:
    about = as_dict(story.get("object"))
    object_id = as_id(about.get("id"))[:MAX_ID]
    content = without_hidden_ids(body)
    title = plain_text(without_hidden_ids(as_text(about.get("displayName") or about.get("title"))))
    on_another = object_id not in ("", native) and verb not in _TOWARDS and not is_person(object_id)
    return Object(
        id=object_id,
        type=as_text(about.get("objectType")).rsplit("/", 1)[-1].lower() or "note",
        title="" if title == plain_text(content) else title,
        content=content,
        url=as_text(about.get("url")) or as_text(story.get("url")),
        activity_id=_sluice_id(object_id, config) if on_another else "",
    )


def _target(story: Mapping[str, Any], extension: Mapping[str, Any], config: SourceConfig) -> Entity | None:
    """Return where it was put: the community, else what the story names as target, else its container."""
    target = as_dict(story.get("target"))
    about = as_dict(story.get("object"))
    for node in (target, about if _verb_of(story) in _TOWARDS else {}):
        entity = _somebody(node, config)
        if entity:
            return entity
    communities = communities_of(story)
    name = one_line(extension.get("containerName"), MAX_DISPLAY_NAME)
    if communities:
        return Entity(name=config.group(communities[0]), display_name=name)
    container = as_id(extension.get("containerId")) or as_id(target.get("id"))
    return container_entity(native_of(container), name or one_line(target.get("displayName"), 500), config) if container else None


def _somebody(node: Mapping[str, Any], config: SourceConfig) -> Entity | None:
    identity = as_id(node.get("id"))
    if is_community(identity) or (identity and as_text(node.get("objectType")) == "community"):
        name = one_line(node.get("displayName"), MAX_DISPLAY_NAME)
        return Entity(name=config.group(native_of(identity)), display_name=name, url=as_text(node.get("url")))
    return _person(node, config) if is_person(identity) else None


def _person(value: Any, config: SourceConfig) -> Entity | None:
    node = as_dict(value)
    identity = as_id(node.get("id")) if node else as_id(value)
    name = one_line(node.get("displayName"), MAX_DISPLAY_NAME)
    if not identity and not name:
        return None
    entity_name = config.person(native_of(identity) if identity else f"name:{name}"[:200])
    if is_community(identity):
        entity_name = config.group(native_of(identity))
    return Entity(
        name=entity_name,
        display_name=name,
        url=as_text(node.get("url")),
        avatar_url=as_text(as_dict(node.get("image")).get("url")),
    )


def _answered(story: Mapping[str, Any], about: Mapping[str, Any], verb: Verb, native: str, config: SourceConfig) -> str:
    """Return the Sluice id of what an answer is on: named by it, the target, or the object that a comment's story shows."""
    if verb is not Verb.COMMENT:
        return ""
    named = as_id(as_dict(about.get("inReplyTo")).get("id")) or as_id(about.get("inReplyTo"))
    shown = as_id(about.get("id"))
    return _sluice_id(named or (shown if shown != native else as_id(as_dict(story.get("target")).get("id"))), config)


def _answers(about: Mapping[str, Any], parent: Activity, config: SourceConfig) -> Iterator[Activity]:
    """Yield the latest comments, which a story carries inside its object. They are read by whoever reads it."""
    for reply in map(as_dict, as_list(as_dict(about.get("replies")).get("items"))):
        native = as_id(reply.get("id"))[:MAX_ID]
        author = _person(reply.get("author") or reply.get("actor"), config)
        body = as_text(reply.get("content") or reply.get("summary"))
        if not native or not author or not body:
            continue
        published, updated = time_ms(reply.get("published")), time_ms(reply.get("updated"))
        yield Activity(
            source=_source(native, config),
            version=max(0, updated, published),
            verb=Verb.COMMENT,
            actor=author,
            object=Object(id=native, type="comment", content=without_hidden_ids(body), url=as_text(reply.get("url"))),
            target=parent.target,
            audience=parent.audience,
            published_ms=published or updated,
            updated_ms=updated,
            mentions=tuple(people_in(body, config))[:MAX_MENTIONS],
            in_reply_to=_sluice_id(as_id(about.get("id"))[:MAX_ID], config),
            rollup_id=parent.rollup_id,
        ).with_id()


def _tags(about: Mapping[str, Any]) -> Iterator[str]:
    for tag in as_list(about.get("tags")):
        node = as_dict(tag)
        if as_text(node.get("objectType")) != "person":
            yield one_line(node.get("displayName"), 200) if node else one_line(tag, 200)


def _sluice_id(native: str, config: SourceConfig) -> str:
    return activity_id(config.kind, config.instance, native) if native else ""


def _source(native: str, config: SourceConfig) -> Source:
    return Source(kind=config.kind, instance=config.instance, native_id=native, channel=config.channel)
