"""Native ids. Content is named by its own id, so that its create, edits and delete are one activity; an act by the act's."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from services.ingest.loose_fields import as_id, as_list
from services.ingest.sources.activitystreams.vocabulary import Effect, effect_of, first_node, is_act, verb_name, verb_of

MAX_ID = 1024
# What somebody either does or doesn't do: doing it twice is doing it once, whenever it was.
_STATES = frozenset({"LIKE", "SHARE", "FOLLOW", "JOIN"})


def bounded(native_id: str) -> str:
    """Return the id, or a hash in the place of one that is too long to be kept."""
    return native_id if len(native_id) <= MAX_ID else f"sha256:{hashlib.sha256(native_id.encode()).hexdigest()}"


def link_of(value: Any) -> str:
    """Return the first address of a value: a text, a link's `href`, an object's `url`, or a list of them."""
    for item in as_list(value):
        found = as_id(item.get("href")) or link_of(item.get("url")) if isinstance(item, dict) else as_id(item)
        if found:
            return found
    return ""


def said_id(value: Any) -> str:
    """Return the id that a reference or an object carries (its address where it has none), or an empty text."""
    node = first_node(value)
    if isinstance(node, dict):
        return bounded(as_id(node.get("id")) or link_of(node.get("url")) or as_id(node.get("href")))
    return bounded(as_id(node))


def content_id(value: Any) -> str:
    """Return the native id of content: what it says, else a hash of all it says (so it can't be edited, only repeated)."""
    said = said_id(value)
    if said:
        return said
    canonical = orjson.dumps(first_node(value), option=orjson.OPT_SORT_KEYS)
    return f"sha256:{hashlib.sha256(canonical).hexdigest()}"


def object_id(value: Any) -> str:
    """Return the native id of what an act is about, which may itself be an act."""
    node = first_node(value)
    if isinstance(node, dict) and is_act(node):
        return native_id_of(node)
    return content_id(node)


def native_id_of(act: Mapping[str, Any], *, actor: str = "") -> str:
    """Return the native id under which an act is kept. actor: who acts, where the act itself doesn't say."""
    verb = verb_name(act)
    about = first_node(act.get("object"))
    embedded = isinstance(about, dict)
    folds = effect_of(verb) is Effect.POST or (effect_of(verb) is Effect.EDIT and embedded)
    if folds and embedded and is_act(about):
        return native_id_of(about, actor=actor_id(act) or actor)
    # Content without an id of its own is told apart by who posted it and when: two people may well write the same words.
    return (said_id(about) if folds else "") or said_id(act) or act_id(verb, actor_id(act) or actor, act)


def actor_id(act: Mapping[str, Any]) -> str:
    """Return what names the actor of an act: an id, else a hash of what is said of her, or an empty text."""
    return content_id(act["actor"]) if first_node(act.get("actor")) else ""


def act_id(verb: str, actor: str, act: Mapping[str, Any]) -> str:
    """Return the id of an act that has none: who did what to what, and when unless it is a state such as a like.

    The opposite verbs share it, so that an unlike finds its like.
    """
    known = verb_of(verb).name
    parts = [known if known != "OTHER" else verb, actor]
    parts += [object_id(act[key]) if first_node(act.get(key)) else "" for key in ("object", "target")]
    if known not in _STATES:
        parts += [as_id(act.get("published")), *(as_id(act.get(key)) for key in ("startTime", "summary", "title"))]
    return f"act:{hashlib.sha256(orjson.dumps(parts)).hexdigest()}"
