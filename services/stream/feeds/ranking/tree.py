"""A checked expression as a tree: every node knows its type and its place in the text."""

from dataclasses import dataclass
from enum import Enum


class Type(Enum):
    """What a value is; the value is how errors call it."""

    NUMBER = "a number"
    BOOLEAN = "true or false"
    TEXT = "a text"


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written. Finite."""

    value: float
    at: int
    type: Type = Type.NUMBER


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`."""

    value: bool
    at: int
    type: Type = Type.BOOLEAN


@dataclass(frozen=True, slots=True)
class Text:
    """A text in quotes, to compare a signal with."""

    value: str
    at: int
    type: Type = Type.TEXT


@dataclass(frozen=True, slots=True)
class Signal:
    """A named signal of the entry."""

    name: str
    type: Type
    at: int


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or function applied to values. operation: a key of `operations.OPERATIONS`."""

    operation: str
    arguments: tuple["Node", ...]
    type: Type
    at: int


Node = Number | Flag | Text | Signal | Apply


def signals_in(node: Node) -> frozenset[str]:
    """Return the names of the signals that an expression looks at."""
    if isinstance(node, Signal):
        return frozenset({node.name})
    if isinstance(node, Apply):
        return frozenset().union(*map(signals_in, node.arguments))
    return frozenset()
