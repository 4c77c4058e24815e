"""A tree over columns: one array operation for each node, none for each entry."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from services.stream.feeds.ranking.operations import OPERATIONS, Value
from services.stream.feeds.ranking.tree import Apply, Node, Number, Signal, Text

Scores = NDArray[np.float64]


class Columns(Protocol):
    """The signals of some entries."""

    def signal(self, name: str) -> NDArray[Any]:
        """Return a signal's column: float64 of finite numbers, bool, or codes of texts, [n] each."""

    def code(self, text: str) -> int:
        """Return the code of a text in a column; one that no column has, where no entry has it."""


def evaluate(node: Node, columns: Columns, count: int) -> Scores:
    """Return the value for each of count entries, float64[count], finite. Raises nothing of its own. O(nodes x count)."""
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(_value(node, columns), np.float64), (count,))


def _value(node: Node, columns: Columns) -> Value:
    if isinstance(node, Apply):
        return OPERATIONS[node.operation].compute(*(_value(argument, columns) for argument in node.arguments))
    if isinstance(node, Signal):
        return columns.signal(node.name)
    if isinstance(node, Text):
        return np.int64(columns.code(node.value))
    return np.float64(node.value) if isinstance(node, Number) else np.bool_(node.value)
