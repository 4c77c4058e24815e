"""The tags of an activity: those the source names and those found in its prose, written one way."""

import re
from collections.abc import Iterable
from unicodedata import category, normalize

TAG_LIMIT = 200
TAG_LENGTH_LIMIT = 200

# A tag follows no letter, digit, &, / or #: neither `C#` nor a fragment nor an entity is one. The sign comes first in the pattern, and
# what may not stand before it is looked at from behind it: so the engine runs from sign to sign, not from letter to letter.
_WORD_OF_TAG = r"(?<![\w&/#].)([^\s!-/:-@\[-^`{-~]+)"
_CANDIDATE = re.compile(f"[#\uff03]{_WORD_OF_TAG}")
# One literal letter is found faster still.
_ASCII_CANDIDATE = re.compile(f"#{_WORD_OF_TAG}")
_JOINERS = "_\u200c\u200d\u00b7"


def tags_of(named: Iterable[str], prose: str) -> tuple[str, ...]:
    """Return tags without #, lower case, NFKC, each once: the named ones first, then those of prose in order. At most TAG_LIMIT."""
    found = dict.fromkeys(filter(None, map(_normal, named)))
    candidates = _CANDIDATE if "\uff03" in prose else _ASCII_CANDIDATE if "#" in prose else None
    if candidates:
        found.update(dict.fromkeys(filter(None, map(_spoken, candidates.findall(prose)))))
    return tuple(found)[:TAG_LIMIT]


def _normal(tag: str) -> str:
    if tag.isascii() and tag.islower() and tag.isalnum():
        return tag[:TAG_LENGTH_LIMIT]
    return " ".join(normalize("NFKC", tag).lower().lstrip("#").split())[:TAG_LENGTH_LIMIT].rstrip()


def _spoken(candidate: str) -> str:
    """Return the tag that candidate begins with; empty when that is no word, such as `1` in `#1`."""
    if candidate.isascii() and candidate.isalnum():
        return "" if candidate.isdigit() or len(candidate) > TAG_LENGTH_LIMIT else candidate.lower()
    end = next((at for at, letter in enumerate(candidate) if not _belongs(letter)), len(candidate))
    candidate = candidate[:end]
    if len(candidate) > TAG_LENGTH_LIMIT or not any(letter.isalpha() for letter in candidate):
        return ""
    return _normal(candidate)


def _belongs(letter: str) -> bool:
    return letter in _JOINERS or category(letter)[0] in "LMN"
