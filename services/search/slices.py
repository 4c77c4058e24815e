"""Cutting documents into requests that a server takes and a process can hold."""

from collections.abc import Iterable, Iterator

from services.search.documents import Document

# What the action line of a document takes in a bulk request.
_ACTION_BYTES = 120


def slices(documents: Iterable[Document], *, max_count: int, max_bytes: int) -> Iterator[list[Document]]:
    """Yield lists in order, each within both bounds; a document that is larger than max_bytes comes alone."""
    current: list[Document] = []
    size = 0
    for document in documents:
        cost = len(document.source) + _ACTION_BYTES
        if current and (len(current) >= max_count or size + cost > max_bytes):
            yield current
            current, size = [], 0
        current.append(document)
        size += cost
    if current:
        yield current
