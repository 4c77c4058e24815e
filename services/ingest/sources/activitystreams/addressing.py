"""Who may read a document: what it says in to, cc, bto, bcc and audience, never wider than the source is configured."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from services.contracts.activity import Audience, Entity, Scope
from services.ingest.loose_fields import as_id, as_list, as_text
from services.ingest.narrowing import narrower, with_a_reader
from services.ingest.source import SourceConfig
from services.ingest.sources.activitystreams.entities import entity_name, native_of
from services.ingest.sources.activitystreams.vocabulary import GROUPS, PEOPLE, types_of

_FIELDS = ("to", "cc", "bto", "bcc", "audience")
_PUBLIC = frozenset(
    {
        "https://www.w3.org/ns/activitystreams#Public",
        "http://www.w3.org/ns/activitystreams#Public",
        "as:Public",
        "Public",
        "@public",
        "@unlisted",
    }
)
# Lists of people that only the sender can resolve. They must not be taken for a person of that name.
_LISTS = ("/followers", "/following")


def audience_of(documents: Collection[Mapping[str, Any]], actor: Entity, config: SourceConfig) -> Audience:
    """Return the narrowest of what the source is configured for and what each document says (an act and its object).

    A document that addresses nobody says nothing. Who may read only by addressees that aren't known here is the actor alone;
    where that is nobody either, the result is readable by nobody.
    """
    result = ceiling(config)
    for document in documents:
        said = addressed(document, config)
        result = narrower(result, said) if said else result
    return with_a_reader(result, actor.name, config)


def ceiling(config: SourceConfig) -> Audience:
    """Return the widest audience that anything of this source gets: its configured one, without PUBLIC where that is forbidden."""
    if config.audience.scope is Scope.PUBLIC and config.options.get("allow_public", True) is not True:
        return Audience(Scope.INTERNAL)
    return config.audience


def addressed(document: Mapping[str, Any], config: SourceConfig) -> Audience | None:
    """Return what one document says of its readers, None where it says nothing. The widest addressee decides."""
    known_groups = frozenset(map(as_id, as_list(config.options.get("groups"))))
    readers = list(_readers(document, known_groups, config))
    if not readers:
        return None
    kinds = {kind for kind, _ in readers}
    if "public" in kinds:
        return Audience(Scope.PUBLIC)
    groups = tuple(sorted({name for kind, name in readers if kind == "group"}))
    if groups:
        return Audience(Scope.GROUP, groups=groups)
    return Audience(Scope.DIRECT, recipients=tuple(sorted({name for kind, name in readers if kind == "person"})))


def _readers(document: Mapping[str, Any], known_groups: frozenset[str], config: SourceConfig) -> Iterator[tuple[str, str]]:
    """Yield kind (public, group, person, unknown) and entity name of each addressee."""
    for field in _FIELDS:
        for value in as_list(document.get(field)):
            if value in ("", {}):
                continue
            kind = _kind_of(value, known_groups)
            named = kind in ("group", "person")
            yield kind, entity_name(kind, native_of(value), config) if named else ""


def _kind_of(value: Any, known_groups: frozenset[str]) -> str:
    node = value if isinstance(value, dict) else {}
    alias = as_text(node.get("alias"))
    native = native_of(value)
    if native in _PUBLIC or alias in _PUBLIC:
        return "public"
    if not native or alias.startswith("@") or native.startswith("@") or native.rstrip("/").endswith(_LISTS):
        return "unknown"
    types = types_of(node)
    if native in known_groups or types & GROUPS:
        return "group"
    return "person" if not types or types & PEOPLE else "unknown"
