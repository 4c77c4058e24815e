"""Muted words: an activity whose text or tags have one of them stays out of the reader's feeds."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from services.contracts.relations import folded

# Scripts that are written without spaces, where a word has no border that could be looked for.
_UNSPACED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\uabff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
_LETTER: Final = re.compile(r"\w")


def speaks_of(words: frozenset[str], text: str, tags: Iterable[str] = ()) -> bool:
    """Return whether text or a tag has one of words, as a whole word: `art` is in `Art!` and in `#art`, not in `party`.

    words: folded, see folded_word; a word may be several with single spaces between.
    """
    if not words:
        return False
    pattern = _pattern(words)
    return pattern.search(folded(text)) is not None or any(pattern.search(folded(tag)) for tag in tags)


@lru_cache(maxsize=1024)
def _pattern(words: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(_whole(word) for word in sorted(words)))


def _whole(word: str) -> str:
    before = r"(?<!\w)" if _has_border(word[0]) else ""
    after = r"(?!\w)" if _has_border(word[-1]) else ""
    return f"{before}{re.escape(word)}{after}"


def _has_border(character: str) -> bool:
    return _LETTER.match(character) is not None and _UNSPACED.match(character) is None
