"""Muted words: an activity whose text or tags have one of them stays out of the reader's feeds."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from services.contracts.relations import folded

# Scripts that are written without spaces, where a word has no border that could be looked for.
_UNSPACED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\uabff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)


def speaks_of(words: frozenset[str], text: str, tags: Iterable[str] = ()) -> bool:
    """Return whether text or a tag has one of words, as a whole word: `art` is in `Art!` and in `#art`, not in `party`.

    words: folded, see folded_word; a word may be several with single spaces between.
    """
    if not words:
        return False
    # One after the other: a thousand alternatives of a regular expression take a hundred times as long.
    return any(_has(said, word) for said in map(folded, (text, *tags)) for word in words)


def _has(text: str, word: str) -> bool:
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not _goes_on(word[0], text[at - 1 : at]) and not _goes_on(word[-1], text[end : end + 1]):
            return True
        at = text.find(word, at + 1)
    return False


def _goes_on(edge: str, beside: str) -> bool:
    """Return whether the character at a word's edge and the one beside it, if any, are of one longer word."""
    return beside != "" and _is_letter(beside) and _is_letter(edge) and _UNSPACED.match(edge) is None


def _is_letter(character: str) -> bool:
    """Return whether words are made of a character. Many scripts write their vowels as marks."""
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")
