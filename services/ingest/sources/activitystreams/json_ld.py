"""JSON-LD in its everyday spelling: `@id` and `@type`, prefixes and renamed terms become the plain names of Activity Streams.

This is no JSON-LD processor: contexts by URL aren't fetched (their terms are known or don't matter), lists stay as they are.
"""

from collections.abc import Mapping
from typing import Any

_NAMESPACES = ("https://www.w3.org/ns/activitystreams#", "http://www.w3.org/ns/activitystreams#")
_KEYWORDS = {"@id": "id", "@type": "type", "@graph": "@graph"}
PREFIX = "as:"
# More renamed terms than the vocabulary has are an attack on the reader, not a context.
MAX_ALIASES = 200

Aliases = Mapping[str, str]
_PLAIN: Aliases = {}


def plain(document: Any, aliases: Aliases = _PLAIN) -> Any:
    """Return document with every key and type in its plain name. Recursive: the depth is bounded by `parse_json`."""
    if isinstance(document, list):
        return [plain(item, aliases) for item in document]
    if not isinstance(document, dict):
        return document
    if "@context" in document:
        aliases = _with_context(document["@context"], aliases)
    result: dict[str, Any] = {}
    for key, value in document.items():
        if key == "@context":
            continue
        name = _term(key, aliases)
        if name != key and (name in document or name in result):
            continue  # said twice: the plain name counts
        result[name] = _types(value, aliases) if name in ("type", "formerType") else plain(value, aliases)
    return result


def _types(value: Any, aliases: Aliases) -> Any:
    if isinstance(value, list):
        return [_types(item, aliases) for item in value]
    return _term(value, aliases) if isinstance(value, str) else value


def _term(name: str, aliases: Aliases) -> str:
    if name in _KEYWORDS:
        return _KEYWORDS[name]
    if name in aliases and not aliases[name].endswith(":"):
        return aliases[name]
    for namespace in (*_NAMESPACES, PREFIX):
        if name.startswith(namespace):
            return name[len(namespace) :] or name
    prefix, colon, rest = name.partition(":")
    if colon and aliases.get(prefix) == PREFIX:
        return rest or name
    return name


def _with_context(context: Any, aliases: Aliases) -> Aliases:
    """Return aliases with those that a context defines for names of Activity Streams."""
    added: dict[str, str] = {}
    for part in context if isinstance(context, list) else [context]:
        if not isinstance(part, dict):
            continue
        for term, definition in part.items():
            iri = definition.get("@id") if isinstance(definition, dict) else definition
            if isinstance(iri, str) and not term.startswith("@") and len(added) < MAX_ALIASES:
                added |= _alias(term, iri)
    if not added or len(aliases) > MAX_ALIASES:
        return aliases
    return {**aliases, **added}


def _alias(term: str, iri: str) -> dict[str, str]:
    if iri in _KEYWORDS:
        return {term: _KEYWORDS[iri]}
    if iri in _NAMESPACES:
        return {term: PREFIX}
    for namespace in (*_NAMESPACES, PREFIX):
        if iri.startswith(namespace):
            return {term: iri[len(namespace) :]}
    return {}
