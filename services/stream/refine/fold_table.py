"""The winners of one partition, packed: 62 bytes a slot, 34 more for an activity that is on another one."""

from struct import Struct

from services.contracts.interactions import ID_BYTES, NO_EDGE
from services.stream.refine.folding import Folded
from services.stream.refine.packed_table import PackedTable

_ROW = Struct("<qqqq8sIB")
_EDGE_BYTES = ID_BYTES + 1
_DELETED, _HAS_EDGE = 1, 2


class FoldTable:
    """Maps activity ids (16 bytes) to their winners. Few activities are on another one, so edges have a table of their own."""

    __slots__ = ("_edges", "_rows")

    def __init__(self) -> None:
        self._rows = PackedTable(_ROW.size)
        self._edges = PackedTable(_EDGE_BYTES)

    def __len__(self) -> int:
        """Return the number of ids ever put, forgotten ones included."""
        return len(self._rows)

    @property
    def nbytes(self) -> int:
        """The bytes held."""
        return self._rows.nbytes + self._edges.nbytes

    def get(self, key: bytes) -> Folded | None:
        """Return the winner of key (16 bytes), None when there is none. O(1)."""
        row = self._rows.get(key)
        if row is None:
            return None
        version, sort_time, accepted, offset, digest, audience, flags = _ROW.unpack(row)
        edge = (self._edges.get(key) or NO_EDGE) if flags & _HAS_EDGE else NO_EDGE
        return Folded(version, bool(flags & _DELETED), digest, audience, sort_time, accepted, offset, edge)

    def put(self, key: bytes, entry: Folded, offset: int) -> None:
        """Set the winner of key, at that offset of the output. O(1), now and then as long as one shard takes to grow."""
        flags = entry.deleted | _HAS_EDGE if entry.edge else int(entry.deleted)
        times = entry.sort_time_ms, entry.accepted_ms
        self._rows.put(key, _ROW.pack(entry.version, *times, offset, entry.digest, entry.audience, flags))
        if entry.edge:
            self._edges.put(key, entry.edge)

    def forget(self, key: bytes) -> None:
        """Forget the winner of key, as after a Kafka tombstone; nothing happens when there is none."""
        self._rows.forget(key)
