"""Reading the relation topics back: chunks of records, as columns, become the state of a partition."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from services.stream.feeds.edge_columns import EdgeColumns, EdgeLog, Flags, Seconds
from services.stream.feeds.edge_keys import Ids, edges_in, marks_in
from services.stream.feeds.interning import InternedNames, Longs
from services.stream.feeds.marks import MarkLog, Marks


class Columns(Protocol):
    """Records of one partition, in their order, arrays of one length; see runtime's record_columns."""

    offsets: Longs
    timestamps: Longs
    present: Flags

    @property
    def keys(self) -> list[bytes | None]: ...  # noqa: D102 - a field


@dataclass(slots=True)
class EdgeLoading:
    """One side of one partition while it is read."""

    names: InternedNames
    versioned: bool
    _parts: list[tuple[Longs, Seconds, Flags, Longs]] = field(default_factory=list)

    def take(self, columns: Columns, versions: Longs | None = None) -> Sequence[int]:
        """Take records, and return the places of those whose keys name no edge. versions: int64[n], negative for none."""
        edges, poison = edges_in(columns.keys, self.names)
        at_s = (columns.timestamps // 1000).astype(np.uint32)
        numbers = np.zeros(len(edges), np.int64) if versions is None else np.maximum(versions, 0)
        part = (edges, at_s, ~columns.present, numbers)
        good = edges >= 0
        self._parts.append(part if not poison else (edges[good], at_s[good], ~columns.present[good], numbers[good]))
        return poison

    def columns(self) -> EdgeColumns:
        """Return what all of them say, and forget them."""
        if not self._parts:
            return EdgeColumns(versioned=self.versioned)
        edges, at_s, gone, versions = zip(*self._parts, strict=True)
        self._parts.clear()
        log = EdgeLog(np.concatenate(edges), np.concatenate(at_s), np.concatenate(gone), np.concatenate(versions))
        return EdgeColumns(versioned=self.versioned, log=log)


@dataclass(slots=True)
class MarkLoading:
    """The marks of one partition while they are read."""

    names: InternedNames
    _parts: list[tuple[Longs, Ids, Flags, Longs]] = field(default_factory=list)

    def take(self, columns: Columns) -> Sequence[int]:
        """Take records, and return the places of those whose keys name no mark."""
        groups, ids, poison = marks_in(columns.keys, self.names)
        good = groups >= 0
        self._parts.append((groups[good], ids[good], ~columns.present[good], columns.offsets[good]))
        return poison

    def marks(self) -> Marks:
        """Return what all of them say, and forget them."""
        if not self._parts:
            return Marks()
        parts = [np.concatenate(part) for part in zip(*self._parts, strict=True)]
        self._parts.clear()
        return Marks(MarkLog(*parts))


class PartitionLoading:
    """One partition of the three topics while it is read."""

    def __init__(self, names: InternedNames) -> None:
        self.relations = EdgeLoading(names, versioned=False)
        self.inverse = EdgeLoading(names, versioned=True)
        self.marks = MarkLoading(names)
