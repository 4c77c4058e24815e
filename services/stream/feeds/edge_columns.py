"""Edges as columns: a sorted base, and a few recent ones beside it that are merged into it now and then."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from services.stream.feeds.edge_keys import OTHER_BITS, edge_of
from services.stream.feeds.interning import InternedNames, Longs

Seconds = npt.NDArray[np.uint32]
Flags = npt.NDArray[np.bool_]

#: Versions of edges that were taken back are remembered for so long: no writer that lost its place writes on after that.
REMEMBERED_S: Final = 86_400
# A merge costs 10 ms for a million edges in the base; before it a recent edge costs 250 bytes.
_FEWEST_RECENT, _MOST_RECENT, _SHARE_RECENT = 512, 4096, 8
_OTHER: Final = (1 << OTHER_BITS) - 1


class Taken(Enum):
    """What became of an edge that was put: LATE ones were older than what is known and changed nothing."""

    CHANGED = auto()
    SAME = auto()
    LATE = auto()


class EdgeRow(NamedTuple):
    """What is known of one edge. at_s: when it was made or taken back (gone), s since the epoch; version: see EdgeColumns."""

    at_s: int
    version: int
    gone: bool


@dataclass(frozen=True, slots=True)
class EdgeLog:
    """Edges in the order of a log, arrays of one length; see edge_keys for their numbers."""

    edges: Longs
    at_s: Seconds
    gone: Flags
    versions: Longs


class _Recent:
    """The recent edges of one group by their other side. added: how many more there are than in the base."""

    __slots__ = ("added", "rows")

    def __init__(self) -> None:
        self.rows: dict[int, EdgeRow] = {}
        self.added = 0


class EdgeColumns:
    """The edges of one partition at one side; the last of an edge wins, and among versions the highest.

    13 bytes an edge, 21 with versions: where several writers write the same, a version (the offset of what they write it from)
    tells a late repetition from a change. Edges without versions have 0. Putting an edge is O(1), a group is found in O(log n).
    """

    def __init__(self, *, versioned: bool, log: EdgeLog | None = None) -> None:
        """log: everything so far."""
        self._versioned = versioned
        self._edges: Longs = np.zeros(0, np.int64)
        self._at: Seconds = np.zeros(0, np.uint32)
        self._gone: Flags = np.zeros(0, np.bool_)
        self._versions: Longs = np.zeros(0, np.int64)
        self._recent: dict[int, _Recent] = {}
        self._count = 0
        #: Edges whose last record in the log is not the one that counts.
        self.overtaken: list[int] = []
        if log is not None:
            self._load(log)

    def put(self, group: int, other: int, row: EdgeRow) -> Taken:
        """Take an edge, or take it back."""
        before = self.row(group, other)
        if before is not None and row.version < before.version:
            return Taken.LATE
        was_there = before is not None and not before.gone
        recent = self._recent.setdefault(group, _Recent())
        self._count += other not in recent.rows
        recent.rows[other] = row
        recent.added += (not row.gone) - was_there
        if self._count > max(_FEWEST_RECENT, min(_MOST_RECENT, len(self._edges) // _SHARE_RECENT)):
            self.merge()
        return Taken.CHANGED if was_there is row.gone else Taken.SAME

    def row(self, group: int, other: int) -> EdgeRow | None:
        """Return what is known of an edge, also of one that was taken back lately."""
        recent = self._recent.get(group)
        if recent is not None and (row := recent.rows.get(other)) is not None:
            return row
        edge = edge_of(group, other)
        at = int(self._edges.searchsorted(edge))
        if at == len(self._edges) or self._edges[at] != edge:
            return None
        version = int(self._versions[at]) if self._versioned else 0
        return EdgeRow(int(self._at[at]), version, bool(self._gone[at]))

    def others(self, group: int) -> list[int]:
        """Return the other sides of a group's edges, in no order."""
        inside = self._inside(group)
        others: list[int] = (self._edges[inside] & _OTHER)[~self._gone[inside]].tolist()
        recent = self._recent.get(group)
        if recent is None:
            return others
        rows = recent.rows
        return [other for other in others if other not in rows] + [other for other, row in rows.items() if not row.gone]

    def count(self, group: int) -> int:
        """Return how many edges a group has."""
        gone = self._gone[self._inside(group)]
        recent = self._recent.get(group)
        return len(gone) - int(np.count_nonzero(gone)) + (recent.added if recent else 0)

    def counts(self, groups: Sequence[int]) -> list[int]:
        """Return how many edges each of some groups has: count, for several at a time."""
        bounds = self._edges.searchsorted([edge_of(end, 0) for group in groups for end in (group, group + 1)]).tolist()
        counts = []
        for group, low, high in zip(groups, bounds[::2], bounds[1::2], strict=True):
            recent = self._recent.get(group)
            standing = high - low - int(np.count_nonzero(self._gone[low:high])) if low < high else 0
            counts.append(standing + (recent.added if recent else 0))
        return counts

    def merge(self) -> None:
        """Move the recent edges into the base and forget what was taken back long ago."""
        rows = sorted(
            (edge_of(group, other), row) for group, recent in self._recent.items() for other, row in recent.rows.items()
        )
        edges = np.array([edge for edge, _ in rows], np.int64)
        at_s = np.array([row.at_s for _, row in rows], np.uint32)
        gone = np.array([row.gone for _, row in rows], np.bool_)
        versions = np.array([row.version for _, row in rows], np.int64)
        self._recent.clear()
        self._count = 0
        at = self._edges.searchsorted(edges)
        known = np.zeros(len(edges), np.bool_)
        inside = at < len(self._edges)
        known[inside] = self._edges[at[inside]] == edges[inside]
        place, new = at[known], ~known
        self._at[place], self._gone[place] = at_s[known], gone[known]
        self._edges = np.insert(self._edges, at[new], edges[new])
        self._at = np.insert(self._at, at[new], at_s[new])
        self._gone = np.insert(self._gone, at[new], gone[new])
        if self._versioned:
            self._versions[place] = versions[known]
            self._versions = np.insert(self._versions, at[new], versions[new])
        self._forget()

    def _load(self, log: EdgeLog) -> None:
        order = np.argsort(log.edges, kind="stable")
        edges = log.edges[order]
        last: Flags = np.ones(len(edges), np.bool_)
        last[:-1] = edges[1:] != edges[:-1]
        if self._versioned:
            versions = log.versions[order]
            if np.any((versions[1:] < versions[:-1]) & ~last[:-1]):
                arrived = order[last]
                order = np.lexsort((log.versions, log.edges))
                late = log.versions[arrived] < log.versions[order[last]]
                self.overtaken = log.edges[arrived[late]].tolist()
            self._versions = log.versions[order[last]]
        winners = order[last]
        self._edges, self._at, self._gone = log.edges[winners], log.at_s[winners], log.gone[winners]
        self._forget()

    def _forget(self) -> None:
        """Drop what was taken back, unless its version is to be remembered. The newest edge says what time it is."""
        drop = self._gone
        if self._versioned and len(self._at):
            drop = drop & (self._at < max(0, int(self._at.max()) - REMEMBERED_S))
        if np.any(drop):
            keep = ~drop
            self._edges, self._at, self._gone = self._edges[keep], self._at[keep], self._gone[keep]
            if self._versioned:
                self._versions = self._versions[keep]

    def _inside(self, group: int) -> slice:
        first, behind = self._edges.searchsorted((edge_of(group, 0), edge_of(group + 1, 0)))
        return slice(int(first), int(behind))


class EdgesOf(Mapping[str, int]):
    """One group of edges: the other side's name → since when, ms since the epoch. A live view; a loop over it sees one moment."""

    __slots__ = ("_columns", "_group", "_names")

    def __init__(self, columns: EdgeColumns, group: int, names: InternedNames) -> None:
        self._columns = columns
        self._group = group
        self._names = names

    def __len__(self) -> int:
        return self._columns.count(self._group)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.names_of(self._columns.others(self._group)))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._since(name) is not None

    def __getitem__(self, name: str) -> int:
        since = self._since(name)
        if since is None:
            raise KeyError(name)
        return since * 1000

    def _since(self, name: str) -> int | None:
        other = self._names.known(name)
        row = None if other is None else self._columns.row(self._group, other)
        return None if row is None or row.gone else row.at_s
