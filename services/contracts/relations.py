"""Edges between a person and what she follows, belongs to, mutes or blocks."""

import unicodedata
from dataclasses import dataclass
from enum import IntEnum

SEPARATOR = "\t"
#: Before the text of a muted word, as the object of a MUTES.
WORD = "word:"
LONGEST_WORD = 100


class RelationKind(IntEnum):
    """The numbers are those of `sluice.activity.v1.RelationKind`."""

    FOLLOWS = 1
    MEMBER_OF = 2
    MUTES = 3
    BLOCKS = 4
    REQUESTS = 5


@dataclass(frozen=True, slots=True)
class Relation:
    """subject and object are entity names (`person:anna`); created_ms in milliseconds since the epoch."""

    subject: str
    kind: RelationKind
    object: str
    created_ms: int = 0

    @property
    def key(self) -> bytes:
        """The record key of `sluice.relations.v1`: subject, kind, object."""
        return SEPARATOR.join((self.subject, self.kind.name, self.object)).encode()

    @property
    def inverse_key(self) -> bytes:
        """The record key of `sluice.relations.inverse.v1`: object, kind, subject."""
        return SEPARATOR.join((self.object, self.kind.name, self.subject)).encode()


def relation_of_key(key: bytes) -> Relation:
    """Read subject, kind and object back from a key of `sluice.relations.v1`. Raises ValueError on anything else."""
    subject, kind, obj = key.decode().split(SEPARATOR)
    return Relation(subject=subject, kind=_kind(kind), object=obj)


def relation_of_inverse_key(key: bytes) -> Relation:
    """Read an edge back from a key of `sluice.relations.inverse.v1`. Raises ValueError on anything else."""
    obj, kind, subject = key.decode().split(SEPARATOR)
    return Relation(subject=subject, kind=_kind(kind), object=obj)


def _kind(name: str) -> RelationKind:
    try:
        return RelationKind[name]
    except KeyError:
        raise ValueError("unknown relation kind in a key") from None


@dataclass(frozen=True, slots=True)
class PersonRelations:
    """Everything `matches` needs to know of one reader: entity names of what she follows, belongs to, mutes and blocks.

    blocked_by are those who block her. employee comes from the token's claim, the rest from the relations log.
    follows, mutes, blocks and blocked_by are expanded by identities: where one account of a person is in, all are. groups are
    literal: no identity opens an audience. accounts: the user's own other names. words: muted words, folded, without `word:`;
    they are not in mutes.
    """

    user: str
    employee: bool = False
    follows: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    mutes: frozenset[str] = frozenset()
    blocks: frozenset[str] = frozenset()
    blocked_by: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


def folded(text: str) -> str:
    """Return text as words are compared: NFKC, case folded, white space as single spaces. Folding twice changes nothing."""
    once = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", once).split())


def folded_word(text: str) -> str:
    """Return a word to mute as relations carry it. Raises ValueError unless 1 to 100 characters without controls are left."""
    word = folded(text)
    if not 0 < len(word) <= LONGEST_WORD:
        raise ValueError(f"a muted word has 1 to {LONGEST_WORD} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in word):
        raise ValueError("a muted word has no control characters")
    return word
