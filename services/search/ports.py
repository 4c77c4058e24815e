"""What the rooms of search need of an index. The adapter is `elastic_index`; the tests have a fake that passes the same suite."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.search.documents import Document


class IndexAway(Exception):
    """The index doesn't answer, or says that it can't now. Trying again makes sense. The text is a code, never content."""


class RequestRefused(Exception):
    """The index won't take this request, whenever it comes. status: HTTP's."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with status {status}")
        self.status = status


class CheckpointLost(Exception):
    """The index is not where this process left it: it went back in time, or another indexer owns the partition by now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one write. status: HTTP's; error: the type of the error, never its text, which quotes content."""

    status: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far the index holds a partition: everything before position. The other two tell the index that nobody else moved it.

    seq_no -1: there was none.
    """

    partition: int
    position: int
    seq_no: int = -1
    primary_term: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. sort: its sort values; source: the part of the document that was asked for.

    highlights: pieces of the text, HTML-escaped but for <mark>…</mark> around what was found.
    """

    id: str
    score: float
    sort: tuple[Any, ...]
    source: Mapping[str, Any]
    highlights: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One answer. total: -1 where it wasn't asked for; exact: False when there are more than total."""

    hits: tuple[Hit, ...]
    total: int = -1
    exact: bool = True


class WritableIndex(Protocol):
    """The index as the indexer sees it. Every method raises IndexAway."""

    async def bulk(self, documents: Sequence[Document]) -> list[Outcome]:
        """Write documents; return their outcomes in order. Raises RequestRefused when the request as a whole is not taken."""

    async def refresh(self) -> None:
        """Return when every search sees what was written before the call."""

    async def checkpoints(self, partitions: Collection[int]) -> dict[int, Checkpoint]:
        """Return the checkpoints that there are."""

    async def save_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> dict[int, Checkpoint]:
        """Move checkpoints on; return them as they are now. Raises CheckpointLost where one was not as given; others may have moved."""


class ReadableIndex(Protocol):
    """The index as readers see it. Every method raises IndexAway, and RequestRefused for a query that it won't take."""

    async def search(self, body: Mapping[str, Any]) -> Found:
        """Return what a query of `queries` finds."""

    async def facts(self, body: Mapping[str, Any]) -> list[bytes]:
        """Return the facts of what a query of `queries` for skeletons finds, in its order."""

    async def get_many(self, ids: Sequence[str]) -> list[bytes | None]:
        """Return the activities' bytes in the order of ids, as last written, refreshed or not; None: missing or deleted."""
