"""The winners of one partition, packed: 61 bytes a slot, half to three quarters of the slots in use."""

from struct import Struct

from services.stream.refine.folding import Folded

_SLOT = Struct("<16sqqqq8sIB")
_SIZE = _SLOT.size
_FLAG = _SIZE - 1
_EMPTY, _LIVE, _DELETED, _FORGOTTEN = 0, 1, 2, 3
# Shards grow one at a time: moving a million entries at once would stop the worker for a second.
_SHARDS = 256
_FIRST_SLOTS = 8
_FILL = 0.75
_GROWTH = 1.5


class FoldTable:
    """Maps activity ids (16 bytes) to their winners: an open-addressing hash table, a quarter to a third of a dict's memory.

    Ids are hashes, so that their first byte spreads them over the shards. The slot is chosen by Python's seeded hash of
    bytes: nobody can craft ids that collide.
    """

    __slots__ = ("_shards", "_used")

    def __init__(self) -> None:
        self._shards = [bytearray(_FIRST_SLOTS * _SIZE) for _ in range(_SHARDS)]
        self._used = [0] * _SHARDS

    def __len__(self) -> int:
        """Return the number of ids ever put, forgotten ones included."""
        return sum(self._used)

    @property
    def nbytes(self) -> int:
        """The bytes held."""
        return sum(len(shard) for shard in self._shards)

    def get(self, key: bytes) -> Folded | None:
        """Return the winner of key (16 bytes), None when there is none. O(1)."""
        shard = self._shards[key[0]]
        at = _find(shard, key)
        if shard[at + _FLAG] in (_EMPTY, _FORGOTTEN):
            return None
        _, version, sort_time, accepted, offset, digest, audience, flag = _SLOT.unpack_from(shard, at)
        return Folded(version, flag == _DELETED, digest, audience, sort_time, accepted, offset)

    def put(self, key: bytes, entry: Folded, offset: int) -> None:
        """Set the winner of key, at that offset of the output. O(1), now and then as long as one shard takes to grow."""
        number = key[0]
        shard = self._shards[number]
        at = _find(shard, key)
        if not shard[at + _FLAG]:
            if (self._used[number] + 1) * _SIZE > len(shard) * _FILL:
                shard = self._shards[number] = _grown(shard)
                at = _find(shard, key)
            self._used[number] += 1
        flag = _DELETED if entry.deleted else _LIVE
        times = entry.sort_time_ms, entry.accepted_ms
        _SLOT.pack_into(shard, at, key, entry.version, *times, offset, entry.digest, entry.audience, flag)

    def forget(self, key: bytes) -> None:
        """Forget the winner of key, as after a Kafka tombstone; nothing happens when there is none."""
        shard = self._shards[key[0]]
        at = _find(shard, key)
        if shard[at + _FLAG]:
            shard[at + _FLAG] = _FORGOTTEN


def _find(shard: bytearray, key: bytes) -> int:
    """Return where key is, or the empty slot where it belongs. Shards are never full, so the search ends."""
    end = len(shard)
    at = hash(key) % (end // _SIZE) * _SIZE
    while shard[at + _FLAG] and not shard.startswith(key, at):
        at += _SIZE
        if at == end:
            at = 0
    return at


def _grown(shard: bytearray) -> bytearray:
    slots = int(len(shard) // _SIZE * _GROWTH)
    larger = bytearray(slots * _SIZE)
    end = len(larger)
    for slot in [shard[at : at + _SIZE] for at in range(0, len(shard), _SIZE) if shard[at + _FLAG]]:
        # Every key is there once, so the first empty slot is its own.
        to = hash(bytes(slot[:16])) % slots * _SIZE
        while larger[to + _FLAG]:
            to += _SIZE
            if to == end:
                to = 0
        larger[to : to + _SIZE] = slot
    return larger
