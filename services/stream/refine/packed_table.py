"""Rows of one size by activity id, packed: an open-addressing hash table, a quarter to a third of a dict's memory."""

from typing import Final

_KEY: Final = 16
_EMPTY, _USED, _FORGOTTEN = 0, 1, 2
# Shards grow one at a time: moving a million entries at once would stop the worker for a second.
_SHARDS = 256
_FIRST_SLOTS = 8
_FILL = 0.75
_GROWTH = 1.5


class PackedTable:
    """Maps activity ids (16 bytes) to rows; half to three quarters of the slots are in use.

    Ids are hashes, so that their first byte spreads them over the shards. The slot is chosen by Python's seeded hash of
    bytes: nobody can craft ids that collide.
    """

    __slots__ = ("_flag", "_shards", "_size", "_used")

    def __init__(self, row_bytes: int) -> None:
        """row_bytes: how many bytes every row has; a slot has 17 more."""
        self._flag = _KEY + row_bytes
        self._size = self._flag + 1
        self._shards = [bytearray(_FIRST_SLOTS * self._size) for _ in range(_SHARDS)]
        self._used = [0] * _SHARDS

    def __len__(self) -> int:
        """Return the number of ids ever put, forgotten ones included."""
        return sum(self._used)

    @property
    def nbytes(self) -> int:
        """The bytes held."""
        return sum(len(shard) for shard in self._shards)

    def get(self, key: bytes) -> bytes | None:
        """Return the row of key (16 bytes), None when there is none. O(1)."""
        shard = self._shards[key[0]]
        at = self._find(shard, key)
        return bytes(shard[at + _KEY : at + self._flag]) if shard[at + self._flag] == _USED else None

    def put(self, key: bytes, row: bytes) -> None:
        """Set the row of key. O(1), now and then as long as one shard takes to grow."""
        number = key[0]
        shard = self._shards[number]
        at = self._find(shard, key)
        if not shard[at + self._flag]:
            if (self._used[number] + 1) * self._size > len(shard) * _FILL:
                shard = self._shards[number] = self._grown(shard)
                at = self._find(shard, key)
            self._used[number] += 1
        shard[at : at + self._size] = key + row + b"\1"

    def forget(self, key: bytes) -> None:
        """Forget the row of key; nothing happens when there is none."""
        shard = self._shards[key[0]]
        at = self._find(shard, key)
        if shard[at + self._flag]:
            shard[at + self._flag] = _FORGOTTEN

    def _find(self, shard: bytearray, key: bytes) -> int:
        """Return where key is, or the empty slot where it belongs. Shards are never full, so the search ends."""
        size, flag, end = self._size, self._flag, len(shard)
        at = hash(key) % (end // size) * size
        while shard[at + flag] and not shard.startswith(key, at):
            at += size
            if at == end:
                at = 0
        return at

    def _grown(self, shard: bytearray) -> bytearray:
        size, flag = self._size, self._flag
        slots = int(len(shard) // size * _GROWTH)
        larger = bytearray(slots * size)
        end = len(larger)
        for slot in [shard[at : at + size] for at in range(0, len(shard), size) if shard[at + flag]]:
            # Every key is there once, so the first empty slot is its own.
            to = hash(bytes(slot[:_KEY])) % slots * size
            while larger[to + flag]:
                to += size
                if to == end:
                    to = 0
            larger[to : to + size] = slot
        return larger
