"""The newest records of the broadcast, in the order of their arrival: what a live feed that resumes has missed."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from services.contracts.matching import Facts

_CHUNK = 1024


class Arrival(NamedTuple):
    """One record. before: what was known of the activity until then, None where nothing was."""

    partition: int
    offset: int
    facts: Facts
    before: Facts | None


class _Chunk:
    """A stretch of arrivals. begins: partition → the offset from which on everything is in it or in later ones."""

    __slots__ = ("arrivals", "begins")

    def __init__(self, begins: dict[int, int]) -> None:
        self.begins = begins
        self.arrivals: list[tuple[int, int, Facts, Facts | None]] = []


class ArrivalLog:
    """Keeps at least `room` arrivals, in chunks that go as a whole. ends: partition → the next offset to arrive."""

    def __init__(self, room: int) -> None:
        self.ends: dict[int, int] = {}
        self._last = _Chunk({})
        self._chunks: deque[_Chunk] = deque([self._last])
        # The last chunk is not full.
        self._most = -(-room // _CHUNK) + 1

    def begin(self, offsets: Mapping[int, int]) -> None:
        """Say from where on partitions will arrive. What began already stays as it is."""
        for partition, offset in offsets.items():
            if partition not in self.ends:
                self.ends[partition] = offset
                for chunk in self._chunks:
                    chunk.begins.setdefault(partition, offset)

    def add(self, partition: int, offset: int, facts: Facts, before: Facts | None) -> None:
        """Take a record. Offsets of a partition rise. O(1)."""
        arrivals = self._last.arrivals
        if len(arrivals) >= _CHUNK:
            arrivals = self._next()
        arrivals.append((partition, offset, facts, before))
        self.ends[partition] = offset + 1

    def forgotten(self, offsets: Mapping[int, int]) -> int | None:
        """Return a partition of which something at or above its offset isn't kept any more, None when everything is."""
        begins = self._chunks[0].begins
        return next((partition for partition, begin in begins.items() if begin > offsets.get(partition, 0)), None)

    def since(self, offsets: Mapping[int, int]) -> Iterator[Arrival]:
        """Yield what is kept at or above the offsets of partitions, oldest first. O(what came since)."""
        chunks: list[_Chunk] = []
        for chunk in reversed(self._chunks):
            chunks.append(chunk)
            if all(begin <= offsets.get(partition, 0) for partition, begin in chunk.begins.items()):
                break
        for chunk in reversed(chunks):
            for arrival in chunk.arrivals:
                if arrival[1] >= offsets.get(arrival[0], 0):
                    yield Arrival(*arrival)

    def _next(self) -> list[tuple[int, int, Facts, Facts | None]]:
        self._last = _Chunk(dict(self.ends))
        self._chunks.append(self._last)
        if len(self._chunks) > self._most:
            self._chunks.popleft()
        return self._last.arrivals
