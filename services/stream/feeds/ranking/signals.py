"""The signals that expressions may name. docs/ranking.md explains them; a test holds both to the same list."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from services.stream.feeds.ranking.parsing import parse
from services.stream.feeds.ranking.tree import Node, Type


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a signal says of an entry."""

    type: Type
    text: str


_NUMBER, _BOOLEAN, _TEXT = Type.NUMBER, Type.BOOLEAN, Type.TEXT
SIGNALS: Final = {
    "age_hours": Meaning(_NUMBER, "hours since it was published, 0 or more"),
    "interest": Meaning(_NUMBER, "1, plus what you have shown to care about its author, group, channel and tags"),
    "popularity": Meaning(_NUMBER, "1 + log(1 + likes + 2 * comments + 3 * shares)"),
    "likes": Meaning(_NUMBER, "how many like it, as far as Sluice has seen it; 0 where unknown"),
    "shares": Meaning(_NUMBER, "how many shared it; 0 where unknown"),
    "comments": Meaning(_NUMBER, "how many comments it has; 0 where unknown"),
    "is_mention": Meaning(_BOOLEAN, "it names you"),
    "is_direct": Meaning(_BOOLEAN, "it is addressed to you and few others"),
    "is_own_group": Meaning(_BOOLEAN, "it was put to a group that you belong to"),
    "is_followed": Meaning(_BOOLEAN, "you follow its author"),
    "is_mine": Meaning(_BOOLEAN, "you wrote it"),
    "is_liked": Meaning(_BOOLEAN, "you like it"),
    "is_saved": Meaning(_BOOLEAN, "you saved it"),
    "is_read": Meaning(_BOOLEAN, "you have read it"),
    "source": Meaning(_TEXT, "the kind of its source: mastodon, rss, hcl-connections …"),
    "language": Meaning(_TEXT, "its language: en, de …; empty when unknown"),
    "verb": Meaning(_TEXT, "what was done: post, comment, share, update or add"),
    "scope": Meaning(_TEXT, "who may read it: public, internal, group or direct"),
}
TYPES: Final = {name: meaning.type for name, meaning in SIGNALS.items()}

#: What "for you" means until somebody says otherwise.
FOR_YOU: Final = "interest * popularity * decay(age_hours, 24)"


@lru_cache(maxsize=4096)
def ranking(text: str) -> Node:
    """Return the tree of an expression over SIGNALS, of FOR_YOU for an empty one. Raises RankingInvalid."""
    return parse(text or FOR_YOU, TYPES)
