"""SearchService: messages in, messages out."""

from collections.abc import Sequence
from typing import Any, Literal

from sluice.search.v1 import search_service_pb2 as pb
from sluice.search.v1.search_service_pb2_grpc import SearchServiceServicer

from services.contracts.activity import Scope, Verb
from services.contracts.codec import milliseconds
from services.contracts.errors import InvalidRequest
from services.contracts.feed_filter import FeedFilter
from services.contracts.principal import PermissionRefused, Principal, Role
from services.runtime.auth import caller
from services.search.history import History
from services.search.queries import HistoryAsk, Reader, SearchFilter
from services.search.reads import Page, Reads

# What a Timestamp may say by its definition; the wire carries more.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999


class SearchServicer(SearchServiceServicer):
    """Answers for the caller that the server's gate let in. Errors of the domain become statuses outside."""

    def __init__(self, reads: Reads, history: History) -> None:
        self._reads = reads
        self._history = history

    async def Search(self, request: pb.SearchRequest, context: Any) -> pb.SearchResponse:  # noqa: N802 - named by the proto
        """See the proto."""
        del context
        page = await self._reads.search(
            self._reader(),
            request.query,
            filter_of(request.filter),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return _response(page)

    async def GetActivity(self, request: pb.GetActivityRequest, context: Any) -> pb.GetActivityResponse:  # noqa: N802 - as above
        """See the proto."""
        del context
        return pb.GetActivityResponse(activity=await self._reads.get(self._reader(), request.id))

    async def BatchGetActivities(  # noqa: N802 - as above
        self, request: pb.BatchGetActivitiesRequest, context: Any
    ) -> pb.BatchGetActivitiesResponse:
        """See the proto."""
        del context
        reader = self._on_behalf(request.reader) if request.HasField("reader") else self._reader()
        return pb.BatchGetActivitiesResponse(activities=await self._reads.get_many(reader, list(request.ids)))

    async def ListHistory(self, request: pb.ListHistoryRequest, context: Any) -> pb.ListHistoryResponse:  # noqa: N802 - as above
        """See the proto."""
        del context
        past = await self._history.newest(history_ask(request), self._on_behalf(request.reader), request.limit)
        return pb.ListHistoryResponse(
            activities=past.activities, facts=past.facts, refreshed=past.refreshed, exhausted=past.exhausted
        )

    def _on_behalf(self, asked: pb.Reader) -> Reader:
        if not _principal().has(Role.SERVICE):
            raise PermissionRefused("only services name a reader: her groups are taken from the request")
        return Reader(asked.user, asked.employee, frozenset(asked.groups))

    def _reader(self) -> Reader:
        principal = _principal()
        return self._reads.reader(principal.user, employee=principal.employee)


def filter_of(message: pb.SearchFilter) -> SearchFilter:
    """Return what a filter asks for; an unset one asks for nothing."""
    return SearchFilter(
        source_kinds=tuple(message.source_kinds),
        channels=tuple(message.channels),
        actors=tuple(message.actors),
        tags=tuple(message.tags),
        languages=tuple(message.languages),
        scopes=tuple(Scope(scope) for scope in message.scopes),
        verbs=_verbs(message.verbs),
        after_ms=_bound(message, "after"),
        before_ms=_bound(message, "before"),
    )


def history_ask(request: pb.ListHistoryRequest) -> HistoryAsk:
    """Return what a request asks for; an unset place or filter bounds nothing."""
    below = (request.before_sort_time_ms, request.before_id)
    above = (request.after_sort_time_ms, request.after_id)
    wanted = request.filter
    return HistoryAsk(
        targets=request.targets,
        verbs=_verbs(request.verbs),
        narrowed=FeedFilter(
            source_kinds=tuple(wanted.source_kinds),
            channels=tuple(wanted.channels),
            tags=tuple(wanted.tags),
            actors=tuple(wanted.actors),
            scopes=tuple(Scope(scope) for scope in wanted.scopes),
            languages=tuple(wanted.languages),
        ),
        below=below if any(below) else None,
        above=above if any(above) else None,
        skeletons=request.skeletons,
    )


def _bound(message: pb.SearchFilter, field: Literal["after", "before"]) -> int | None:
    if not message.HasField(field):
        return None
    ms = milliseconds(getattr(message, field))
    if not _FIRST_MS <= ms <= _LAST_MS:
        raise InvalidRequest("a time lies outside the years 1 to 9999", field=f"filter.{field}")
    return ms


def _verbs(numbers: Sequence[int]) -> tuple[Verb, ...]:
    known = {int(verb): verb for verb in Verb}
    return tuple(known.get(number, Verb.OTHER) for number in numbers)


def _principal() -> Principal:
    principal = caller()
    if not isinstance(principal, Principal):
        raise PermissionRefused("nobody is signed in")
    return principal


def _response(page: Page) -> pb.SearchResponse:
    results = [
        pb.SearchResult(activity=result.activity, score=result.score, highlights=result.highlights) for result in page.results
    ]
    return pb.SearchResponse(results=results, next_page_token=page.next_token, total_size=page.total, total_is_exact=page.exact)
