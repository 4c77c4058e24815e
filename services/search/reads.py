"""What readers can ask of the index. Every answer passes the gate twice: in the query, and on the activity itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.errors import InvalidRequest, NotFound, ServiceUnavailable
from services.contracts.page_tokens import clamp_page_size, fingerprint, fitting
from services.search.documents import body_of
from services.search.index_answers import index_answers
from services.search.page_places import next_token, place_of
from services.search.ports import Hit, ReadableIndex
from services.search.queries import Reader, SearchFilter, search_body
from services.search.second_gate import open_activity

_NOT_FOUND = "there is no such activity, or you may not read it"

#: Returns the groups of a user by the relations log. Raises ServiceUnavailable while that isn't known.
GroupsOf = Callable[[str], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Result:
    """One hit of a search."""

    activity: pb.Activity
    score: float
    highlights: Sequence[str]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search; next_token is empty at the end."""

    results: Sequence[Result]
    next_token: str
    total: int
    exact: bool


class Reads:
    """Answers from one index. Everything raises ServiceUnavailable.

    problem: returns why the index is too old to be shown to anybody, empty while it isn't.
    """

    def __init__(self, index: ReadableIndex, groups_of: GroupsOf, problem: Callable[[], str]) -> None:
        self._index = index
        self._groups_of = groups_of
        self._problem = problem

    def reader(self, user: str, *, employee: bool) -> Reader:
        """Return a caller with her groups, as the relations log knows them now.

        An index that lags behind still shows what was deleted since, and to whom an edit has closed it since: nobody reads it.
        Services that ask on a reader's behalf know how far it has come and decide themselves.
        """
        if problem := self._problem():
            raise ServiceUnavailable(f"search is behind: {problem}")
        return Reader(user, employee, self._groups_of(user))

    async def search(self, reader: Reader, words: str, wanted: SearchFilter, *, page_size: int, page_token: str) -> Page:
        """Return one page. An activity that matches from the first page to the last is on exactly one of them.

        Raises InvalidRequest and PageTokenInvalid.
        """
        size = clamp_page_size(page_size, default=20, maximum=100)
        request = fingerprint(words, wanted)
        after = place_of(page_token, request, scored=bool(words.strip()))
        body = search_body(words, wanted, reader, size=size + 1, after=after)
        with index_answers():
            found = await self._index.search(body)
        activities = [open_activity(body_of(dict(hit.source)), reader) for hit in found.hits]
        kept = min(size, _within_limit(activities))
        more = len(found.hits) > kept
        return Page(
            results=[
                _result(hit, activity) for hit, activity in zip(found.hits[:kept], activities[:kept], strict=True) if activity
            ],
            next_token=next_token(found.hits[kept - 1].sort, request) if more else "",
            total=found.total,
            exact=found.exact,
        )

    async def get(self, reader: Reader, activity: str) -> pb.Activity:
        """Return one activity. Raises NotFound, the same for what doesn't exist and for what the reader may not know of."""
        found = await self.get_many(reader, [activity])
        if not found:
            raise NotFound(_NOT_FOUND)
        return found[0]

    async def get_many(self, reader: Reader, ids: Sequence[str]) -> list[pb.Activity]:
        """Return the activities that there are and that the reader may read, in the order of ids. Raises InvalidRequest."""
        with index_answers():
            bodies = await self._index.get_many(ids)
        activities = [activity for body in bodies if (activity := open_activity(body, reader))]
        if _within_limit(activities) < len(activities):
            raise InvalidRequest("these activities are too large for one answer; ask for fewer", field="ids")
        return activities


def _result(hit: Hit, activity: pb.Activity) -> Result:
    return Result(activity, hit.score, hit.highlights)


def _within_limit(activities: Sequence[pb.Activity | None]) -> int:
    """Return how many of activities fit into one answer, at least one."""
    return fitting(activity.ByteSize() if activity else 0 for activity in activities)
