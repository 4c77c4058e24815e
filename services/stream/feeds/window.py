"""The recent activities that the index may not show yet: everything at or above W, the vector of refreshed offsets."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager


class Window:
    """Slots of the table whose latest record is at or above W, found by the names they are delivered to.

    While a history query is under way the window keeps what was in it when the query began: the answer may be as old as
    that.
    """

    def __init__(self) -> None:
        self.refreshed: dict[int, int] = {}
        self._arrivals: defaultdict[int, deque[tuple[int, int]]] = defaultdict(deque)
        self._latest: dict[int, tuple[int, int]] = {}
        self._names: dict[int, tuple[str, ...]] = {}
        self._by_name: dict[str, set[int]] = {}
        self._pins: dict[object, dict[int, int]] = {}

    def __contains__(self, slot: int) -> bool:
        return slot in self._latest

    def __len__(self) -> int:
        return len(self._latest)

    def __iter__(self) -> Iterator[int]:
        return iter(self._latest)

    def add(self, partition: int, offset: int, slot: int, names: tuple[str, ...]) -> None:
        """Take a record, delivered to names; in the slot it replaces what came before. Offsets of a partition rise."""
        self._unlist(slot)
        self._arrivals[partition].append((offset, slot))
        self._latest[slot] = (partition, offset)
        self._names[slot] = names
        for name in names:
            self._by_name.setdefault(name, set()).add(slot)

    def advance(self, partition: int, refreshed: int) -> list[int]:
        """Note that the index shows everything below refreshed; return the slots that left. Going back changes nothing."""
        self.refreshed[partition] = max(refreshed, self.refreshed.get(partition, 0))
        return self._trim(partition)

    def slots_of(self, names: Collection[str]) -> set[int]:
        """Return the slots delivered to any of names."""
        # A reader follows hundreds of names, the window often holds fewer.
        if len(names) < len(self._by_name):
            return set().union(*(self._by_name[name] for name in names if name in self._by_name))
        return set().union(*(slots for name, slots in self._by_name.items() if name in names))

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """Keep everything that is now in the window, and what comes, until the block ends."""
        pin = object()
        self._pins[pin] = dict(self.refreshed)
        try:
            yield
        finally:
            del self._pins[pin]

    def trim(self) -> list[int]:
        """Let go what only ended pins had kept; return the slots that left."""
        return [slot for partition in list(self._arrivals) for slot in self._trim(partition)]

    def _trim(self, partition: int) -> list[int]:
        bound = min([self.refreshed.get(partition, 0), *(pin.get(partition, 0) for pin in self._pins.values())])
        arrivals, left = self._arrivals[partition], []
        while arrivals and arrivals[0][0] < bound:
            offset, slot = arrivals.popleft()
            if self._latest.get(slot) == (partition, offset):
                self._unlist(slot)
                del self._latest[slot], self._names[slot]
                left.append(slot)
        return left

    def _unlist(self, slot: int) -> None:
        for name in self._names.get(slot, ()):
            slots = self._by_name.get(name, set())
            slots.discard(slot)
            if not slots:
                self._by_name.pop(name, None)


def at_least(positions: Mapping[int, int], wanted: Mapping[int, int]) -> bool:
    """Return whether positions has reached wanted in every partition."""
    return all(positions.get(partition, 0) >= offset for partition, offset in wanted.items())
