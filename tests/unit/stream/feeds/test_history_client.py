"""What the search service answers, and what it doesn't."""

import grpc
import pytest
from sluice.activity.v1 import activity_pb2
from sluice.search.v1 import search_service_pb2 as pb

from services.contracts.relations import PersonRelations
from services.stream.feeds.history import HistoryAway
from services.stream.feeds.history_client import HistoryClient

IDS = [f"{number:032x}" for number in range(7)]
READER = PersonRelations("person:a")


class Channel:
    """Stands for the search service: at most `fit` activities go into one answer."""

    def __init__(self, fit):
        self.fit = fit

    def unary_unary(self, method, **_codec):
        async def call(request, **_options):
            assert method.endswith(("BatchGetActivities", "ListHistory"))
            if len(request.ids) > self.fit:
                raise grpc.aio.AioRpcError(
                    grpc.StatusCode.INVALID_ARGUMENT, grpc.aio.Metadata(), grpc.aio.Metadata(), "too large"
                )
            return pb.BatchGetActivitiesResponse(activities=[activity_pb2.Activity(id=name) for name in request.ids])

        return call


@pytest.mark.parametrize("fit", [1, 2, 100])
async def test_bodies_too_large_for_one_answer_are_asked_for_in_parts(fit):
    """Were that history being away, a feed of large entries would stay partial for ever."""
    assert set(await HistoryClient(Channel(fit), lambda: "token").bodies(IDS, READER)) == set(IDS)


async def test_what_is_refused_one_by_one_is_history_being_away():
    """The feed says that it is partial; it doesn't ask for ever."""
    with pytest.raises(HistoryAway):
        await HistoryClient(Channel(0), lambda: "token").bodies(IDS, READER)
