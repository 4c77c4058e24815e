"""What was delivered to names, for the feeds: skeletons to decide on, or whole activities."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TypeVar

from sluice.activity.v1 import activity_pb2
from sluice.search.v1 import activity_facts_pb2

from services.contracts.page_tokens import clamp_page_size, fitting
from services.search.documents import body_of
from services.search.index_answers import index_answers
from services.search.ports import ReadableIndex
from services.search.queries import HistoryAsk, Reader, history_body
from services.search.second_gate import open_activity, open_facts

M = TypeVar("M", activity_pb2.Activity, activity_facts_pb2.ActivityFacts)

_DEFAULT, _MOST = 100, 2000


@dataclass(frozen=True, slots=True)
class Past:
    """An answer, newest first. refreshed: by partition, the offset before which it has seen everything.

    activities are empty where skeletons were asked for, facts where they weren't. exhausted: nothing more was asked for.
    """

    refreshed: Mapping[int, int]
    exhausted: bool
    activities: Sequence[activity_pb2.Activity] = ()
    facts: Sequence[activity_facts_pb2.ActivityFacts] = ()


class History:
    """Answers from one index. refreshed: returns the vector of visible offsets. Raises ServiceUnavailable."""

    def __init__(self, index: ReadableIndex, refreshed: Callable[[], Mapping[int, int]]) -> None:
        self._index = index
        self._refreshed = refreshed

    async def newest(self, ask: HistoryAsk, reader: Reader, limit: int) -> Past:
        """Return the newest of what was asked for; fewer than limit (100 by default, 2000 at the most) where an answer gets too large."""
        size = clamp_page_size(limit, default=_DEFAULT, maximum=_MOST)
        # Before the search begins: it sees at least this much.
        past = Past(dict(self._refreshed()), exhausted=False)
        body = history_body(ask, reader, size=size + 1)
        with index_answers():
            if ask.skeletons:
                facts = [open_facts(data, reader) for data in await self._index.facts(body)]
                kept, exhausted = _kept(facts, ask.above, size)
                return replace(past, facts=kept, exhausted=exhausted)
            found = await self._index.search(body)
        activities = [open_activity(body_of(dict(hit.source)), reader) for hit in found.hits]
        kept_activities, exhausted = _kept(activities, ask.above, size)
        return replace(past, activities=kept_activities, exhausted=exhausted)


def _kept(found: Sequence[M | None], above: tuple[int, str] | None, size: int) -> tuple[list[M], bool]:
    """Return the first of found that one answer holds, and whether they are all that was asked for. None: closed to the reader."""
    readable = [message for message in found if message]
    asked = readable
    if above is not None:
        asked = list(takewhile(lambda message: (message.sort_time_ms, message.id) > above, readable))
    kept = asked[: min(size, fitting(message.ByteSize() for message in asked))]
    reached_the_end = len(asked) < len(readable) or len(found) <= size
    return kept, reached_the_end and len(kept) == len(asked)
