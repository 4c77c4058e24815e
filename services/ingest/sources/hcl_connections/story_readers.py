"""What a story says of who may read it, in the several places where Connections says it."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.ingest.loose_fields import as_dict, as_flag, as_id, as_list, as_text
from services.ingest.sources.hcl_connections.names import is_community, is_person, native_of
from services.ingest.sources.hcl_connections.readers import Visibility

_PUBLIC = {"public": True, "open": True, "publicinviteonly": False, "private": False, "restricted": False, "shared": False}
_MAX_COMMUNITIES = 200


def context_of(story: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a story tells the gadget that would show it: much of the story again, and its event type."""
    return as_dict(as_dict(as_dict(story.get("openSocial")).get("embed")).get("context"))


def visibility_of(story: Mapping[str, Any]) -> Visibility:
    """Return what a story says. Contradictions close: it is public only where nothing says otherwise."""
    extension = as_dict(story.get("connections"))
    said = [as_flag(node.get("isPublic")) for node in (extension, context_of(story), story)]
    for node in (extension, story, as_dict(story.get("object"))):
        said += [_PUBLIC.get(as_text(node.get(key)).lower()) for key in ("visibility", "communityType")]
    flags = {flag for flag in said if flag is not None}
    people = tuple(native_of(native) for native in map(as_id, _ids_addressed(story)) if is_person(native))
    return Visibility(False if False in flags else (True if flags else None), communities_of(story), people)


def communities_of(story: Mapping[str, Any]) -> tuple[str, ...]:
    """Return native ids of the community that a story happened in; of those it is addressed to where it happened in none.

    Only the first place that names one counts: a community that is merely mentioned must not get to read another one's stories.
    """
    extension = as_dict(story.get("connections"))
    places = (
        [as_id(extension.get(key)) for key in ("communityid", "communityId", "communityUuid")],
        [_community(story.get("target"))],
        [urn for urn in (as_id(extension.get("containerId")), as_id(extension.get("rollupid"))) if is_community(urn)],
        [_community(story.get("object"))],
        [_community(node) for node in _addressees(story)],
    )
    for place in places:
        named = tuple(dict.fromkeys(native_of(name) for name in place if name))
        if named:
            return named[:_MAX_COMMUNITIES]
    return ()


def _community(value: Any) -> str:
    node = as_dict(value)
    identity = as_id(node.get("id"))
    return identity if is_community(identity) or as_text(node.get("objectType")) == "community" else ""


def _addressees(story: Mapping[str, Any]) -> list[Any]:
    return [*as_list(story.get("to")), *as_list(story.get("cc"))]


def _ids_addressed(story: Mapping[str, Any]) -> Iterator[Any]:
    for addressee in _addressees(story):
        yield as_dict(addressee).get("id") if isinstance(addressee, dict) else addressee
