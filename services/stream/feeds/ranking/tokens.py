"""The words of an expression."""

import re
from enum import Enum
from typing import NamedTuple

from services.stream.feeds.ranking.invalid import RankingInvalid

LONGEST = 2_000
_WORD = re.compile(
    r"(?P<SPACE>[ \t\r\n]+)"
    r"|(?P<NUMBER>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<NAME>[a-z_][a-z0-9_]*)"
    r"|(?P<TEXT>\"[^\"\n]*\"|'[^'\n]*')"
    r"|(?P<SIGN><=|>=|==|!=|[-+*/^<>(),])"
)


class Kind(Enum):
    """What a word is; the value is how errors call it."""

    NUMBER = "a number"
    NAME = "a name"
    TEXT = "a text"
    SIGN = "a sign"
    END = "the end"


class Token(NamedTuple):
    """One word. at: where it begins, an index into the text. A TEXT is without its quotes."""

    kind: Kind
    text: str
    at: int


def tokens_of(text: str) -> list[Token]:
    """Return the words of an expression, the last of which is the END. Raises RankingInvalid."""
    if len(text) > LONGEST:
        raise RankingInvalid(f"an expression has at most {LONGEST} characters, this one {len(text)}", text, LONGEST)
    tokens, at = list[Token](), 0
    while at < len(text):
        found = _WORD.match(text, at)
        if found is None:
            raise RankingInvalid(_problem(text, at), text, at)
        if found.lastgroup != "SPACE":
            kind = Kind[str(found.lastgroup)]
            tokens.append(Token(kind, found[0][1:-1] if kind is Kind.TEXT else found[0], at))
        at = found.end()
    return [*tokens, Token(Kind.END, "", len(text))]


def _problem(text: str, at: int) -> str:
    if text[at] in "\"'":
        return "this text has no end; a text stands between two quotes on one line"
    if text[at] == "=":
        return "to compare write =="
    if text[at] in "&|!":
        return "write and, or, not"
    return "names are written in lower case" if text[at].isupper() else "this character has no meaning here"
