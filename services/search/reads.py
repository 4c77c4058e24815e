"""What readers can ask of the index. Every answer passes the gate twice: in the query, and on the activity itself."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.activity import Verb
from services.contracts.codec import audience_from_proto
from services.contracts.errors import InvalidRequest, NotFound, ServiceUnavailable
from services.contracts.matching import may_read
from services.contracts.page_tokens import clamp_page_size, fingerprint, fitting
from services.search.documents import body_of
from services.search.page_places import next_token, place_of
from services.search.ports import Hit, IndexAway, ReadableIndex, RequestRefused
from services.search.queries import Reader, SearchFilter, history_body, search_body

_BAD_REQUEST = 400
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


@dataclass(frozen=True, slots=True)
class History:
    """What was delivered to targets. refreshed: by partition, the offset before which this answer has seen everything."""

    activities: Sequence[pb.Activity]
    refreshed: Mapping[int, int]
    exhausted: bool


class Reads:
    """Answers from one index. refreshed: returns the vector of visible offsets. Everything raises ServiceUnavailable."""

    def __init__(self, index: ReadableIndex, groups_of: GroupsOf, refreshed: Callable[[], Mapping[int, int]]) -> None:
        self._index = index
        self._groups_of = groups_of
        self._refreshed = refreshed

    def reader(self, user: str, *, employee: bool) -> Reader:
        """Return a caller with her groups, as the relations log knows them now."""
        return Reader(user, employee, self._groups_of(user))

    async def search(self, reader: Reader, words: str, wanted: SearchFilter, *, page_size: int, page_token: str) -> Page:
        """Return one page. An activity that matches from the first page to the last is on exactly one of them.

        Raises InvalidRequest and PageTokenInvalid.
        """
        size = clamp_page_size(page_size, default=20, maximum=100)
        request = fingerprint(words, wanted)
        after = place_of(page_token, request, scored=bool(words.strip()))
        body = search_body(words, wanted, reader, size=size + 1, after=after)
        with _answers():
            found = await self._index.search(body)
        activities = [_activity(body_of(dict(hit.source)), reader) for hit in found.hits]
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
        with _answers():
            bodies = await self._index.get_many(ids)
        activities = [activity for body in bodies if (activity := _activity(body, reader))]
        if _within_limit(activities) < len(activities):
            raise InvalidRequest("these activities are too large for one answer; ask for fewer", field="ids")
        return activities

    async def history(
        self, reader: Reader, targets: Collection[str], *, verbs: Collection[Verb], before: tuple[int, str] | None, limit: int
    ) -> History:
        """Return the newest activities of targets below a place; fewer than limit where the answer would be too large."""
        size = clamp_page_size(limit, default=100, maximum=2000)
        # Before the search begins: it sees at least this much.
        refreshed = dict(self._refreshed())
        with _answers():
            found = await self._index.search(history_body(targets, reader, verbs=verbs, before=before, size=size + 1))
        activities = [_activity(body_of(dict(hit.source)), reader) for hit in found.hits]
        kept = min(size, _within_limit(activities))
        return History(
            activities=[activity for activity in activities[:kept] if activity],
            refreshed=refreshed,
            exhausted=len(found.hits) <= kept,
        )


def _activity(body: bytes | None, reader: Reader) -> pb.Activity | None:
    """Return the activity when the reader may read it: the second gate, on what would be sent."""
    if body is None:
        return None
    try:
        message = pb.Activity.FromString(body)
    except DecodeError:
        return None
    audience = audience_from_proto(message.audience)
    allowed = may_read(reader.user, employee=reader.employee, groups=reader.groups, audience=audience)
    return message if allowed and not message.deleted else None


def _result(hit: Hit, activity: pb.Activity) -> Result:
    return Result(activity, hit.score, hit.highlights)


def _within_limit(activities: Sequence[pb.Activity | None]) -> int:
    """Return how many of activities fit into one answer, at least one."""
    return fitting(activity.ByteSize() if activity else 0 for activity in activities)


@contextmanager
def _answers() -> Iterator[None]:
    try:
        yield
    except IndexAway:
        raise ServiceUnavailable("the index is away") from None
    except RequestRefused as refusal:
        if refusal.status == _BAD_REQUEST:
            raise InvalidRequest("the index can't take this query", field="query") from None
        raise ServiceUnavailable("the index refuses to answer") from None
