"""The port to history: the index, asked by the names that activities were delivered to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.contracts.activity import Verb
from services.contracts.feed_filter import FeedFilter
from services.contracts.matching import Facts
from services.contracts.relations import PersonRelations
from services.stream.feeds.places import Place


class HistoryAway(Exception):
    """History can't be asked now; later it can."""


@dataclass(frozen=True, slots=True)
class Found:
    """An activity that history knows. body: its record value; None where only the skeleton was asked for."""

    facts: Facts
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """found: newest first. exhausted: nothing more stands between the places asked for.

    refreshed: partition → offset that the answer has seen all below of.
    """

    found: Sequence[Found]
    exhausted: bool
    refreshed: Mapping[int, int]


class History(Protocol):
    """What the feeds ask of the search service. Both calls raise HistoryAway, may be repeated and change nothing."""

    async def newest(
        self,
        names: Collection[str],
        reader: PersonRelations,
        *,
        below: Place,
        limit: int,
        verbs: Collection[Verb] = (),
        narrowed: FeedFilter | None = None,
        above: Place | None = None,
    ) -> HistoryAnswer:
        """Return the newest activities delivered to any of names that stand below a place and may be read by reader, without bodies.

        limit: at the most so many, 1 to 2000; fewer come only when exhausted. verbs: only these; none means all. narrowed:
        only what passes it; unread_only is the caller's to apply. above: only what stands above that place. The
        answer holds everything that a search saw when it was asked, and perhaps more.
        """

    async def bodies(self, ids: Sequence[str], reader: PersonRelations) -> Mapping[str, bytes]:
        """Return the record values of activities that reader may read, by id; others are left out. ids: 1 to 1000."""
