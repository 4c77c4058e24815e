"""The recent activities that the index may not show yet: everything at or above W, the vector of refreshed offsets."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

_SEGMENT = 4096


class _Segment:
    """A stretch of arrivals. ends: partition → offset after its last record.

    Most are never asked for, so what is found by a name is gathered at the first question.
    """

    __slots__ = ("_by_name", "_gathered", "ends", "names", "slots")

    def __init__(self) -> None:
        self.slots: list[int] = []
        self.names: list[tuple[str, ...]] = []
        self.ends: dict[int, int] = {}
        self._by_name: defaultdict[str, list[int]] = defaultdict(list)
        self._gathered = 0

    def slots_of(self, names: frozenset[str]) -> Iterator[int]:
        by_name = self._by_name
        for slot, some in zip(self.slots[self._gathered :], self.names[self._gathered :], strict=True):
            for name in some:
                by_name[name].append(slot)
        self._gathered = len(self.slots)
        # The intersection walks through the smaller of the two.
        for name in names & by_name.keys():
            yield from by_name[name]


class Window:
    """Slots of the table whose latest record is at or above W, found by the names they are delivered to.

    It is kept in segments that go as a whole, so it holds a little more than it must. While a history query is under way it
    keeps what was in it when the query began: the answer may be as old as that.
    """

    def __init__(self) -> None:
        self.refreshed: dict[int, int] = {}
        self._segments: deque[_Segment] = deque([_Segment()])
        self._latest: dict[int, _Segment] = {}
        self._pins: dict[object, dict[int, int]] = {}

    def __contains__(self, slot: int) -> bool:
        return slot in self._latest

    def __len__(self) -> int:
        return len(self._latest)

    def __iter__(self) -> Iterator[int]:
        return iter(self._latest)

    def add(self, partition: int, offset: int, slot: int, names: tuple[str, ...]) -> None:
        """Take a record, delivered to names. Offsets of a partition rise."""
        segment = self._segments[-1]
        if len(segment.slots) >= _SEGMENT:
            segment = _Segment()
            self._segments.append(segment)
        segment.slots.append(slot)
        segment.names.append(names)
        segment.ends[partition] = offset + 1
        self._latest[slot] = segment

    def advance(self, refreshed: Mapping[int, int]) -> list[int]:
        """Note what the index shows, partition → everything below the offset; return the slots that left.

        Going back changes nothing.
        """
        for partition, offset in refreshed.items():
            self.refreshed[partition] = max(offset, self.refreshed.get(partition, 0))
        return self._trim()

    def slots_of(self, names: Collection[str]) -> set[int]:
        """Return the slots whose records in the window were delivered to any of names."""
        wanted = frozenset(names)
        found: set[int] = set()
        for segment in self._segments:
            found.update(segment.slots_of(wanted))
        return found

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """Keep everything that is now in the window, and what comes, until the block ends."""
        pin = object()
        self._pins[pin] = dict(self.refreshed)
        try:
            yield
        finally:
            del self._pins[pin]

    def _trim(self) -> list[int]:
        left: list[int] = []
        while self._segments[0].slots and self._is_shown(self._segments[0]):
            segment = self._segments.popleft()
            if not self._segments:
                self._segments.append(_Segment())
            for slot in segment.slots:
                if self._latest.get(slot) is segment:
                    del self._latest[slot]
                    left.append(slot)
        return left

    def _is_shown(self, segment: _Segment) -> bool:
        bounds = [self.refreshed, *self._pins.values()]
        return all(end <= bound.get(partition, 0) for partition, end in segment.ends.items() for bound in bounds)
