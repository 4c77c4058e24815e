"""FeedService's counts: each part is answered by the worker that knows it."""

import asyncio
from typing import Any

from sluice.feed.v1 import counts_pb2 as pb
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceServicer, FeedServiceStub

from services.contracts.principal import Principal
from services.stream.feeds.callers import principal
from services.stream.feeds.observed_counts import ObservedCounts
from services.stream.feeds.routing import Routing


class CountMethods(FeedServiceServicer):
    """Activities are counted where the caller is owned, since her groups are known there; entities where they are owned themselves."""

    _observed: ObservedCounts
    _routing: Routing

    async def GetCounts(self, request: pb.GetCountsRequest, context: Any) -> pb.GetCountsResponse:  # noqa: N802 - named by the proto
        """See the proto."""
        caller = principal()
        entities = [self._observed.counted_entity(caller, entity) for entity in request.entities]
        answers = await asyncio.gather(
            self._of_activities(caller, list(request.activity_ids), context),
            *(self._of_entity(caller, entity, context) for entity in entities),
        )
        response = pb.GetCountsResponse()
        for answer in answers:
            response.MergeFrom(answer)
        return response

    async def _of_activities(self, caller: Principal, activity_ids: list[str], context: Any) -> pb.GetCountsResponse:
        if not activity_ids:
            return pb.GetCountsResponse()

        async def here() -> pb.GetCountsResponse:
            tallies = self._observed.of_activities(activity_ids, caller.user, employee=caller.employee)
            return pb.GetCountsResponse(activities=[pb.Counts(**tally._asdict()) for tally in tallies])

        return await self._ask(caller.user, here, pb.GetCountsRequest(activity_ids=activity_ids), context)

    async def _of_entity(self, caller: Principal, entity: str, context: Any) -> pb.GetCountsResponse:
        async def here() -> pb.GetCountsResponse:
            tally = self._observed.of_entity(caller, entity)
            return pb.GetCountsResponse(entities=[pb.EntityCounts(**tally._asdict())])

        return await self._ask(entity, here, pb.GetCountsRequest(entities=[entity]), context)

    async def _ask(self, owner: str, here: Any, request: pb.GetCountsRequest, context: Any) -> pb.GetCountsResponse:
        answer: pb.GetCountsResponse = await self._routing.answer(
            owner, context, here, lambda channel: FeedServiceStub(channel).GetCounts, request
        )
        return answer
