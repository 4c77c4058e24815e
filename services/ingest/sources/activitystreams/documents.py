"""What a document holds: one act or thing, a list, or a collection with its pages."""

from collections.abc import Iterator
from typing import Any

from services.ingest.loose_fields import as_list
from services.ingest.sources.activitystreams.vocabulary import COLLECTIONS, is_act, types_of

_ITEMS = ("items", "orderedItems")
_PAGES = ("first", "current", "next", "last")


def unfold(document: Any) -> Iterator[Any]:
    """Yield the items of a document in their order: acts, things, addresses, and whatever else stands in their place."""
    if isinstance(document, list):
        for item in document:
            yield from unfold(item)
    elif not isinstance(document, dict):
        yield document
    elif "@graph" in document:
        yield from unfold(as_list(document["@graph"]))
    elif _is_collection(document):
        yield from _collected(document)
    else:
        yield document


def _is_collection(document: dict[str, Any]) -> bool:
    types = types_of(document)
    if types & COLLECTIONS:
        return True
    return any(key in document for key in _ITEMS) and not types - {"collection"} and not is_act(document)


def _collected(collection: dict[str, Any]) -> Iterator[Any]:
    embedded = [collection[key] for key in _ITEMS if key in collection]
    pages = [collection.get(key) for key in _PAGES]
    embedded += [page for page in pages if isinstance(page, dict) and _is_collection(page)]
    for part in embedded:
        yield from unfold(as_list(part))
    if not embedded and collection.get("totalItems") != 0:
        # Its members are elsewhere: what is here is the collection itself.
        yield {**collection, "type": "Collection", "objectType": None}
