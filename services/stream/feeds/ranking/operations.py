"""What operators and functions take and give, and how they are computed over columns.

Every value stays a finite number, whatever goes in: what has no value (a division by zero, the logarithm of nothing, the root of less
than nothing) is 0, what is too large is the largest number there is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.stream.feeds.ranking.tree import Type

_N, _B = Type.NUMBER, Type.BOOLEAN
#: A column, or one value for all entries.
Value = NDArray[Any] | np.generic
MOST_ARGUMENTS = 8


@dataclass(frozen=True, slots=True)
class Operation:
    """takes: types of the arguments, None for any as long as they are of one. many: two or more of the first type."""

    takes: tuple[Type | None, ...]
    gives: Type | None
    compute: Callable[..., Value]
    many: bool = False


def settled(values: Value) -> Value:
    """Return values with numbers for what has none."""
    return values if np.isfinite(values).all() else np.nan_to_num(values)


def _divide(left: Value, right: Value) -> Value:
    is_zero = np.equal(right, 0)
    if not is_zero.any():
        return settled(np.divide(left, right))
    return settled(np.where(is_zero, 0.0, np.divide(left, np.where(is_zero, 1.0, right))))


def _power(base: Value, exponent: Value) -> Value:
    # Nothing to a negative power is a division by zero; below zero only whole exponents have a value.
    undefined = np.equal(base, 0) & np.less(exponent, 0)
    return settled(np.where(undefined, 0.0, np.power(np.where(undefined, 1.0, base), exponent)))


def _log(values: Value) -> Value:
    defined = np.greater(values, 0)
    return np.where(defined, np.log(np.where(defined, values, 1.0)), 0.0)


def _decay(age: Value, half_life: Value) -> Value:
    defined = np.greater(half_life, 0)
    if not np.all(defined):
        return np.where(defined, _decay(age, np.where(defined, half_life, 1.0)), 0.0)
    return np.exp2(-np.minimum(np.maximum(age, 0.0) / half_life, _MOST_HALVINGS))


# After so many what is left is less than the smallest number.
_MOST_HALVINGS: Final = 2_000.0

OPERATORS: Final[Mapping[str, Operation]] = {
    "or": Operation((_B, _B), _B, np.logical_or),
    "and": Operation((_B, _B), _B, np.logical_and),
    "not": Operation((_B,), _B, np.logical_not),
    "==": Operation((None, None), _B, np.equal),
    "!=": Operation((None, None), _B, np.not_equal),
    "<": Operation((_N, _N), _B, np.less),
    "<=": Operation((_N, _N), _B, np.less_equal),
    ">": Operation((_N, _N), _B, np.greater),
    ">=": Operation((_N, _N), _B, np.greater_equal),
    "+": Operation((_N, _N), _N, lambda left, right: settled(np.add(left, right))),
    "-": Operation((_N, _N), _N, lambda left, right: settled(np.subtract(left, right))),
    "*": Operation((_N, _N), _N, lambda left, right: settled(np.multiply(left, right))),
    "/": Operation((_N, _N), _N, _divide),
    "^": Operation((_N, _N), _N, _power),
    "negative": Operation((_N,), _N, np.negative),
}
FUNCTIONS: Final[Mapping[str, Operation]] = {
    "if": Operation((_B, None, None), None, np.where),
    "min": Operation((_N, _N), _N, lambda *values: reduce(np.minimum, values), many=True),
    "max": Operation((_N, _N), _N, lambda *values: reduce(np.maximum, values), many=True),
    "log": Operation((_N,), _N, _log),
    "exp": Operation((_N,), _N, lambda values: settled(np.exp(values))),
    "sqrt": Operation((_N,), _N, lambda values: np.sqrt(np.maximum(values, 0.0))),
    "decay": Operation((_N, _N), _N, _decay),
}
OPERATIONS: Final[Mapping[str, Operation]] = {**OPERATORS, **FUNCTIONS}
