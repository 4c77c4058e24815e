"""What the types and verbs of Activity Streams 1.0 and 2.0 mean here. All names in lower case."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from services.contracts.activity import Verb
from services.ingest.loose_fields import as_dict, as_list, as_text


class Effect(Enum):
    """What an act does to the stream."""

    POST = auto()  # its object is new content
    EDIT = auto()  # its object is a later version of content
    DELETE = auto()  # its object is gone
    UNDO = auto()  # the act that is its object is taken back
    REVERSE = auto()  # the opposite act on the same object is taken back: unlike, unfollow
    ACT = auto()  # an event of its own


_EFFECTS = {
    **dict.fromkeys(("create", "post", "publish", "submit"), Effect.POST),
    "update": Effect.EDIT,
    **dict.fromkeys(("delete", "retract"), Effect.DELETE),
    "undo": Effect.UNDO,
    **dict.fromkeys(("unlike", "unfavorite", "unshare", "unfollow", "stop-following"), Effect.REVERSE),
}
_VERBS = {
    **dict.fromkeys(("create", "post", "publish", "submit"), Verb.POST),
    "update": Verb.UPDATE,
    **dict.fromkeys(("comment", "reply"), Verb.COMMENT),
    **dict.fromkeys(("announce", "share", "unshare"), Verb.SHARE),
    **dict.fromkeys(("like", "favorite", "unlike", "unfavorite"), Verb.LIKE),
    **dict.fromkeys(("follow", "unfollow", "stop-following"), Verb.FOLLOW),
    "join": Verb.JOIN,
    "leave": Verb.LEAVE,
    "add": Verb.ADD,
}
_AS2_ACTS = frozenset(
    {
        *(
            "accept",
            "activity",
            "add",
            "announce",
            "arrive",
            "block",
            "create",
            "delete",
            "dislike",
            "emojireact",
            "flag",
            "follow",
        ),
        *(
            "ignore",
            "intransitiveactivity",
            "invite",
            "join",
            "leave",
            "like",
            "listen",
            "move",
            "offer",
            "read",
            "reject",
            "remove",
        ),
        *("tentativeaccept", "tentativereject", "travel", "undo", "update", "view"),
    }
)
COLLECTIONS = frozenset({"collection", "orderedcollection", "collectionpage", "orderedcollectionpage"})
GROUPS = frozenset({"group", "organization", "community"})
SERVICES = frozenset({"application", "service"})
PEOPLE = frozenset({"person"})
ACTORS = PEOPLE | GROUPS | SERVICES
COMMENTS = frozenset({"comment", "reply"})
LINKS = frozenset({"link", "mention"})
MEDIA = frozenset({"image", "video", "audio", "document", "file"})


def type_of(node: Mapping[str, Any]) -> str:
    """Return the first type of a node in lower case, of 2.0 (`type`) or of 1.0 (`objectType`), or an empty text."""
    named = as_text(node.get("type")) or as_text(node.get("objectType"))
    # A 1.0 type may be a URL whose last part is the name.
    return named.rsplit("/", 1)[-1].lower()


def types_of(node: Mapping[str, Any]) -> frozenset[str]:
    """Return all types of a node in lower case."""
    names = (*as_list(node.get("type")), *as_list(node.get("objectType")))
    return frozenset(name.rsplit("/", 1)[-1].lower() for name in names if isinstance(name, str))


def is_act(node: Mapping[str, Any]) -> bool:
    """Return whether a node tells what somebody did, rather than being a thing."""
    types = types_of(node)
    if types & _AS2_ACTS or as_text(node.get("verb")):
        return True
    return "actor" in node and "object" in node and not types & COLLECTIONS


def verb_name(node: Mapping[str, Any]) -> str:
    """Return the verb of an act in lower case; 1.0's default is `post`."""
    verb = as_text(node.get("verb"))
    if verb:
        return verb.rsplit("/", 1)[-1].lower()
    named = [name for name in (as_text(kind).lower() for kind in as_list(node.get("type"))) if name]
    acts = [name for name in named if name in _AS2_ACTS]
    return (acts or named or ["post"])[0]


def effect_of(verb: str) -> Effect:
    """Return what an act of this verb does to the stream."""
    return _EFFECTS.get(verb, Effect.ACT)


def verb_of(verb: str) -> Verb:
    """Return Sluice's verb; what it has no word for is OTHER."""
    return _VERBS.get(verb, Verb.OTHER)


def first_node(value: Any) -> Any:
    """Return the first of several values: an object, else a text that is no empty one, else None."""
    for item in as_list(value):
        if isinstance(item, dict) or as_text(item):
            return item if isinstance(item, dict) else as_text(item)
    return None


def is_content(value: Any) -> bool:
    """Return whether a value is an embedded thing rather than a reference, an actor or an act."""
    node = as_dict(value)
    return bool(node) and not types_of(node) & ACTORS and not is_act(node)
