"""What was used last, as much of it as a budget allows."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class WeightedCache(Generic[K, V]):
    """key → value. When the weights sum up to more than budget, what wasn't used for longest goes."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._weight = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return a value, None when it isn't here."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Keep a value, or its new weight; one that is heavier than the budget is kept alone."""
        self.pop(key)
        self._entries[key] = (value, weight)
        self._weight += weight
        while self._weight > self._budget and len(self._entries) > 1:
            _, (_, gone) = self._entries.popitem(last=False)
            self._weight -= gone

    def pop(self, key: K) -> None:
        """Forget a value. Nothing happens when it isn't here."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._weight -= entry[1]

    def pop_where(self, gone: Callable[[K, V], bool]) -> None:
        """Forget the values for which gone is true. O(values)."""
        for key in [key for key, (value, _) in self._entries.items() if gone(key, value)]:
            self.pop(key)
