"""A stream for a user of another worker comes from there, message by message, and its end is told as it is."""

import asyncio

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1 import watch_pb2
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceStub

from services.contracts.errors import ServiceUnavailable
from services.runtime.grpc_errors import status_of
from services.stream.feeds.live.live_feeds import ConsumerTooSlow
from services.stream.feeds.live.stream_passing import passed_on
from services.stream.feeds.passing_on import OwnerAway
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.routing import Routing

_SECONDS = 10.0


class Owner:
    """Says some messages, then ends with an error, if there is one, or waits for the caller to go."""

    def __init__(self, says=(), error=None):
        self.says = says
        self.error = error
        self.metadata = {}
        self.left = asyncio.Event()

    async def WatchFeed(self, request, context):  # noqa: N802 - named by the proto
        self.request = request
        self.metadata = dict(context.invocation_metadata())
        for cursor in self.says:
            yield watch_pb2.WatchFeedResponse(cursor=cursor)
        if self.error is not None:
            await context.abort_with_status(rpc_status.to_status(status_of(self.error)))
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()


class Passing:
    """The worker that the client is connected to."""

    def __init__(self, routing):
        self.routing = routing

    async def WatchFeed(self, request, context):  # noqa: N802 - as above
        try:
            if not await passed_on(self.routing, "person:anna", context, request):
                await context.write(watch_pb2.WatchFeedResponse(cursor="here"))
        except ServiceUnavailable as error:
            await context.abort_with_status(rpc_status.to_status(status_of(error)))


async def served(servicer):
    server = grpc.aio.server()
    # As the server of a service: what is serialised already goes out as it is.
    method = grpc.unary_stream_rpc_method_handler(
        servicer.WatchFeed,
        request_deserializer=pb.WatchFeedRequest.FromString,
        response_serializer=lambda answer: answer if isinstance(answer, bytes) else answer.SerializeToString(),
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("sluice.feed.v1.FeedService", {"WatchFeed": method}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}"


class Play:
    """A client, the worker that it is connected to, and who is said to own the user."""

    def __init__(self, *, owns=False, other_group=""):
        self.state = RelationState(1)
        if owns:
            self.state.take_over(0)
        self.owner = None
        self.routing = Routing(
            self.state,
            lambda _: self.owner,
            "127.0.0.1:1",
            grpc.aio.insecure_channel,
            lambda: None,
            other_group=other_group,
            pauses_s=(),
        )
        self.servicer = Passing(self.routing)

    async def __aenter__(self):
        self.server, address = await served(self.servicer)
        self.channel = grpc.aio.insecure_channel(address)
        return self

    async def __aexit__(self, *_):
        await self.channel.close()
        await self.routing.close()
        await self.server.stop(None)

    def watch(self):
        request = pb.WatchFeedRequest(page_size=7, cursor="c")
        return FeedServiceStub(self.channel).WatchFeed(request, metadata=(("authorization", "Bearer t"),), timeout=_SECONDS)


async def read(stream):
    return await asyncio.wait_for(stream.read(), _SECONDS)


async def reason_of(stream):
    with pytest.raises(grpc.aio.AioRpcError):
        await read(stream)
    info = error_details_pb2.ErrorInfo()
    assert (await rpc_status.aio.from_call(stream)).details[0].Unpack(info)
    return info.reason


async def test_who_owns_the_user_answers_itself():
    async with Play(owns=True) as play:
        assert (await read(play.watch())).cursor == "here"


async def test_messages_of_the_owner_are_passed_on_as_they_come():
    """With the caller's token and a hop more; the owner hears when the client leaves."""
    owner = Owner(says=("1", "2"))
    server, address = await served(owner)
    async with Play() as play:
        play.owner = address
        stream = play.watch()
        assert [(await read(stream)).cursor, (await read(stream)).cursor] == ["1", "2"]
        assert (owner.request.page_size, owner.request.cursor) == (7, "c")
        assert (owner.metadata["authorization"], owner.metadata["sluice-hops"]) == ("Bearer t", "1")
        stream.cancel()
        await asyncio.wait_for(owner.left.wait(), _SECONDS)
    await server.stop(None)


async def test_what_the_owner_refuses_is_refused_with_its_words():
    server, address = await served(Owner(says=("1",), error=ConsumerTooSlow("too slow")))
    async with Play() as play:
        play.owner = address
        stream = play.watch()
        await read(stream)
        assert await reason_of(stream) == "CONSUMER_TOO_SLOW"
    await server.stop(None)


async def test_an_owner_that_dies_is_a_hint_to_come_back():
    """The client has a cursor: what was under way elsewhere goes on elsewhere."""
    server, address = await served(Owner(says=("1",)))
    async with Play() as play:
        play.owner = address
        stream = play.watch()
        await read(stream)
        await server.stop(None)
        assert (await read(stream)).reconnect
        assert await read(stream) is grpc.aio.EOF


async def test_an_owner_that_is_not_there_is_unavailable():
    async with Play() as play:
        assert await reason_of(play.watch()) == OwnerAway.reason


async def test_the_other_group_answers_where_the_owner_is_away():
    """It must not send the call back."""
    other = Owner(says=("other",))
    server, address = await served(other)
    async with Play(other_group=address) as play:
        play.owner = "127.0.0.1:1"
        assert (await read(play.watch())).cursor == "other"
        assert other.metadata["sluice-other-group"] == "1"
    await server.stop(None)
