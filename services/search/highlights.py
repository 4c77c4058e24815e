"""Which pieces of the text show best why a result was found."""

from collections.abc import Mapping, Sequence

MARK = "<mark>"


def best_pieces(pieces: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the pieces of the field that marks the most words: a stemmed field finds forms that the plain one doesn't.

    pieces: per field, HTML-escaped, the found words within <mark>…</mark>. Of equals the first by name, so that it is always the same.
    """
    if not pieces:
        return []
    return max((list(pieces[name]) for name in sorted(pieces)), key=_marks)


def _marks(pieces: Sequence[str]) -> int:
    return sum(piece.count(MARK) for piece in pieces)
