"""What expressions mean, one entry at a time: written from docs/ranking.md, without a look at the evaluation over columns.

An expression is a nested tuple: (operator or function, operands …), a number, a bool, a text, or the name of a signal as Name.
"""

import sys
from typing import NamedTuple

import numpy as np

LARGEST = sys.float_info.max


class Name(NamedTuple):
    """A signal."""

    name: str


def finite(value):
    """Return the number that stands for a value."""
    if value != value:  # noqa: PLR0124 - only what is no number differs from itself
        return 0.0
    return max(-LARGEST, min(LARGEST, value))


def interpret(expression, entry):
    """Return what an expression gives for one entry: a mapping of signals to their values."""
    if isinstance(expression, Name):
        return entry[expression.name]
    if not isinstance(expression, tuple):
        return expression
    operation, *operands = expression
    if operation == "if":
        condition, then, otherwise = operands
        return interpret(then if interpret(condition, entry) else otherwise, entry)
    return MEANINGS[operation](*(interpret(operand, entry) for operand in operands))


def one(function, *values):
    """Return what NumPy computes of single numbers: its last digit may differ from that of the C library."""
    with np.errstate(all="ignore"):
        return finite(float(function(*(np.array([value], np.float64) for value in values))[0]))


def power(base, exponent):
    return 0.0 if base == 0 and exponent < 0 else one(np.power, base, exponent)


def decay(age, half_life):
    # After two thousand halvings nothing is left, and what has no number is as good as that.
    return one(np.exp2, -min(max(age, 0.0) / half_life, 2000.0)) if half_life > 0 else 0.0


MEANINGS = {
    "or": lambda a, b: a or b,
    "and": lambda a, b: a and b,
    "not": lambda a: not a,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "+": lambda a, b: finite(a + b),
    "-": lambda a, b: finite(a - b),
    "*": lambda a, b: finite(a * b),
    "/": lambda a, b: 0.0 if b == 0 else finite(a / b),
    "^": power,
    "negative": lambda a: -a,
    "min": lambda *values: min(values),
    "max": lambda *values: max(values),
    "log": lambda a: one(np.log, a) if a > 0 else 0.0,
    "exp": lambda a: one(np.exp, a),
    "sqrt": lambda a: one(np.sqrt, a) if a > 0 else 0.0,
    "decay": decay,
}
