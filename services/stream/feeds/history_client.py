"""History over gRPC: the search service."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import grpc
import structlog
from sluice.activity.v1 import activity_pb2
from sluice.search.v1 import search_service_pb2 as pb
from sluice.search.v1.search_service_pb2_grpc import SearchServiceStub

from services.contracts.activity import Verb
from services.contracts.activity_facts import facts_from_message
from services.contracts.feed_filter import FeedFilter
from services.contracts.relations import PersonRelations
from services.stream.feeds.history import Found, HistoryAnswer, HistoryAway
from services.stream.feeds.places import BOTTOM, TOP, Place

log = structlog.get_logger()

_SECONDS = 5.0


class _Refused(HistoryAway):
    """The request as it is will never be answered."""


class HistoryClient:
    """The history port, answered by the SearchService. Every failure is HistoryAway; the status is logged."""

    def __init__(self, channel: grpc.aio.Channel, token: Callable[[], str]) -> None:
        """token: returns a JWT with the role `service`; it is asked for each call."""
        self._stub = SearchServiceStub(channel)
        self._token = token

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
        """See the port."""
        upper, lower = (0, "") if below == TOP else below, (0, "") if above is None or above <= BOTTOM else above
        request = pb.ListHistoryRequest(
            targets=sorted(names),
            reader=_reader(reader),
            verbs=[activity_pb2.Verb.ValueType(verb) for verb in verbs],
            before_sort_time_ms=upper[0],
            before_id=upper[1],
            after_sort_time_ms=lower[0],
            after_id=lower[1],
            filter=_filter(narrowed) if narrowed else None,
            limit=limit,
            skeletons=True,
        )
        answer: pb.ListHistoryResponse = await self._call(self._stub.ListHistory, request)
        return HistoryAnswer(
            [Found(facts_from_message(message)) for message in answer.facts], answer.exhausted, dict(answer.refreshed)
        )

    async def bodies(self, ids: Sequence[str], reader: PersonRelations) -> Mapping[str, bytes]:
        """See the port."""
        request = pb.BatchGetActivitiesRequest(ids=ids, reader=_reader(reader))
        try:
            answer: pb.BatchGetActivitiesResponse = await self._call(self._stub.BatchGetActivities, request)
        except _Refused:
            if len(ids) == 1:
                raise
            # Too large for one answer: were that history being away, a feed with large entries would never get past them.
            half = len(ids) // 2
            return {**await self.bodies(ids[:half], reader), **await self.bodies(ids[half:], reader)}
        return {message.id: message.SerializeToString(deterministic=True) for message in answer.activities}

    async def _call(self, method: Any, request: Any) -> Any:
        try:
            return await method(request, metadata=(("authorization", f"Bearer {self._token()}"),), timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            log.warning("history is away", code=error.code().name)
            refused = error.code() is grpc.StatusCode.INVALID_ARGUMENT
            raise (_Refused if refused else HistoryAway)(error.code().name) from None


def _reader(relations: PersonRelations) -> pb.Reader:
    return pb.Reader(user=relations.user, employee=relations.employee, groups=sorted(relations.groups))


def _filter(narrowed: FeedFilter) -> pb.HistoryFilter:
    return pb.HistoryFilter(
        source_kinds=narrowed.source_kinds,
        channels=narrowed.channels,
        tags=narrowed.tags,
        actors=narrowed.actors,
        scopes=[activity_pb2.Scope.ValueType(scope) for scope in narrowed.scopes],
        languages=narrowed.languages,
    )
