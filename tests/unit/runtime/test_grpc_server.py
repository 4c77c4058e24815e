import asyncio
import json
import logging
import time

import grpc
import pytest
import structlog
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from prometheus_client import REGISTRY
from sluice.feed.v1 import feed_service_pb2 as feed
from sluice.ingest.v1 import publish_service_pb2 as ingest

from services.contracts.errors import NotFound, Overloaded
from services.contracts.principal import Principal
from services.runtime.auth import TokenInvalid, caller
from services.runtime.grpc_server import GrpcServer, PortUnavailable
from services.runtime.settings import GrpcSettings

SECRET = "the quick brown fox"
TOKEN = (("authorization", "Bearer anna"),)
SERVICE = "sluice.test.Probe"


async def authenticate(token):
    """Take the token for the subject."""
    if not token:
        raise TokenInvalid("a bearer token is required", "TOKEN_MISSING")
    if token == "old":
        raise TokenInvalid("the token has expired", "TOKEN_EXPIRED")
    return Principal(token)


class Probe:
    """A service with every kind of method; what it does depends on `answer`."""

    def __init__(self):
        self.seen = []
        self.answer = None

    async def one(self, request, context):
        """Answer one with one."""
        self.seen.append((caller().subject, request))
        if self.answer is not None:
            await self.answer(request, context)
        return feed.GetFeedResponse(newer_count=1)

    async def collect(self, requests, context):
        """Answer many with one."""
        count = 0
        async for request in requests:
            self.seen.append((caller().subject, request))
            count += 1
        return feed.GetFeedResponse(newer_count=count)

    async def stream(self, request, context):
        """Answer one with many."""
        for number in range(3):
            if self.answer is not None:
                await self.answer(request, context)
            self.seen.append((caller().subject, request))
            yield feed.GetFeedResponse(newer_count=number)

    async def write(self, request, context):
        """Answer one with many, written to the context."""
        for number in range(2):
            await context.write(feed.GetFeedResponse(newer_count=number))

    async def chat(self, requests, context):
        """Answer each with one."""
        async for request in requests:
            self.seen.append((caller().subject, request))
            yield feed.GetFeedResponse(newer_count=request.page_size)


def add_probe(probe, server):
    """Do what generated code does."""
    kinds = {
        "One": (grpc.unary_unary_rpc_method_handler, probe.one),
        "Collect": (grpc.stream_unary_rpc_method_handler, probe.collect),
        "Stream": (grpc.unary_stream_rpc_method_handler, probe.stream),
        "Write": (grpc.unary_stream_rpc_method_handler, probe.write),
        "Chat": (grpc.stream_stream_rpc_method_handler, probe.chat),
    }
    handlers = {
        name: make(
            behaviour,
            request_deserializer=feed.GetFeedRequest.FromString,
            response_serializer=feed.GetFeedResponse.SerializeToString,
        )
        for name, (make, behaviour) in kinds.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


class Client:
    """Calls the probe."""

    def __init__(self, channel):
        codec = {
            "request_serializer": feed.GetFeedRequest.SerializeToString,
            "response_deserializer": feed.GetFeedResponse.FromString,
        }
        self.channel = channel
        self.one = channel.unary_unary(f"/{SERVICE}/One", **codec)
        self.collect = channel.stream_unary(f"/{SERVICE}/Collect", **codec)
        self.stream = channel.unary_stream(f"/{SERVICE}/Stream", **codec)
        self.write = channel.unary_stream(f"/{SERVICE}/Write", **codec)
        self.chat = channel.stream_stream(f"/{SERVICE}/Chat", **codec)


@pytest.fixture
def probe():
    return Probe()


@pytest.fixture
async def server(probe):
    server = GrpcServer(GrpcSettings(port=0, max_concurrent_rpcs=20), authenticate=authenticate, service_names=(SERVICE,))
    server.add(add_probe, probe)
    await server.start()
    yield server
    await server.stop(0)


@pytest.fixture
async def client(server):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield Client(channel)


async def answers_of(call):
    """Return everything a call answers."""
    return [answer async for answer in call] if hasattr(call, "__aiter__") else [await call]


async def failure(call):
    """Return the error of a call, its ErrorInfo and its other details by type."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answers_of(call)
    status = rpc_status.from_call(caught.value)
    details = {}
    for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
        for packed in status.details if status else ():
            message = kind()
            if packed.Unpack(message):
                details[kind] = message
    return caught.value, details.get(error_details_pb2.ErrorInfo), details


async def requests(*messages):
    """Stream messages."""
    for message in messages:
        yield message


async def test_nothing_is_answered_without_a_token(client, probe):
    """Every kind of method; the servicer isn't even entered."""
    request = feed.GetFeedRequest()
    calls = [
        client.one(request),
        client.collect(requests(request)),
        client.stream(request),
        client.write(request),
        client.chat(requests(request)),
    ]
    for call in calls:
        error, info, _ = await failure(call)
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert (info.reason, info.domain) == ("TOKEN_MISSING", "sluice")
    assert probe.seen == []


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ((("authorization", "Bearer old"),), "TOKEN_EXPIRED"),
        ((("authorization", "Basic YTpi"),), "TOKEN_INVALID"),
        ((("authorization", "anna"),), "TOKEN_INVALID"),
        ((("authorization", "Bearer anna"), ("authorization", "Bearer eve")), "TOKEN_INVALID"),
    ],
)
async def test_a_token_that_is_not_good_is_refused_with_its_reason(client, metadata, reason):
    error, info, _ = await failure(client.one(feed.GetFeedRequest(), metadata=metadata))
    assert (error.code(), info.reason) == (grpc.StatusCode.UNAUTHENTICATED, reason)


async def test_every_kind_of_method_knows_its_caller(client, probe):
    request = feed.GetFeedRequest(page_size=5)
    assert (await client.one(request, metadata=TOKEN)).newer_count == 1
    assert (await client.collect(requests(request, request), metadata=TOKEN)).newer_count == 2
    assert [answer.newer_count async for answer in client.stream(request, metadata=TOKEN)] == [0, 1, 2]
    assert [answer.newer_count async for answer in client.write(request, metadata=TOKEN)] == [0, 1]
    assert [answer.newer_count async for answer in client.chat(requests(request), metadata=TOKEN)] == [5]
    assert {subject for subject, _ in probe.seen} == {"anna"}


async def test_simultaneous_calls_keep_their_callers_apart(client, probe):
    everybody_in, inside = asyncio.Event(), 0

    async def wait(request, context):
        nonlocal inside
        inside += 1
        if inside == 5:
            everybody_in.set()
        await everybody_in.wait()
        assert caller().subject == request.user.removeprefix("person:")

    probe.answer = wait
    names = ["anna", "ben", "carla", "dora", "emil"]
    await asyncio.gather(
        *(
            client.one(feed.GetFeedRequest(user=f"person:{name}"), metadata=(("authorization", f"Bearer {name}"),))
            for name in names
        )
    )


async def test_the_rules_of_the_proto_are_enforced_with_field_violations(client, probe):
    bad = feed.GetFeedRequest(user="nobody", page_size=-1)
    for call in (
        client.one(bad, metadata=TOKEN),
        client.stream(bad, metadata=TOKEN),
        client.collect(requests(bad), metadata=TOKEN),
    ):
        error, info, details = await failure(call)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert info.reason == "INVALID_REQUEST"
        violations = details[error_details_pb2.BadRequest].field_violations
        assert {violation.field for violation in violations} == {"user", "page_size"}
        assert all(violation.description for violation in violations)
    assert probe.seen == []


async def test_each_message_of_a_stream_is_checked_as_it_arrives(client, probe):
    good, bad = feed.GetFeedRequest(page_size=1), feed.GetFeedRequest(page_size=-1)
    error, _, _ = await failure(client.chat(requests(good, bad, good), metadata=TOKEN))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(probe.seen) == 1


@pytest.mark.parametrize("method", ["one", "chat"])
async def test_bytes_that_are_no_message_are_the_senders_mistake(client, probe, method):
    """The sender hears so, after it has shown who it is; the servicer isn't entered."""
    kinds = {"one": client.channel.unary_unary, "chat": client.channel.stream_stream}
    call = kinds[method](f"/{SERVICE}/{method.capitalize()}")

    def sent(metadata):
        return call(b"\xff\xff", metadata=metadata) if method == "one" else call(requests(b"\xff\xff"), metadata=metadata)

    error, info, _ = await failure(sent(TOKEN))
    assert (error.code(), info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    error, _, _ = await failure(sent(()))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert probe.seen == []


async def test_an_item_that_the_service_judges_itself_passes_the_check():
    """PublishStream gives every item a result of its own: its request is exempt in the proto, its own rules still hold."""
    from services.runtime.grpc_errors import InvalidMessage  # noqa: PLC0415 - beside its only use
    from services.runtime.grpc_validation import validate  # noqa: PLC0415 - beside its only use

    item = ingest.PublishStreamRequest(request=ingest.PublishRequest(request_id="x" * 300))
    validate(item)
    with pytest.raises(InvalidMessage) as caught:
        validate(item.request, within="items[3].request")
    assert {violation.field for violation in caught.value.violations} == {
        "items[3].request.activity",
        "items[3].request.request_id",
    }


async def test_errors_of_the_domain_keep_status_reason_and_retry(client, probe):
    async def missing(request, context):
        raise NotFound("no such activity", metadata={"id": "a1"})

    async def busy(request, context):
        raise Overloaded("too much at once", retry_after_s=1.5)

    probe.answer = missing
    error, info, _ = await failure(client.one(feed.GetFeedRequest(), metadata=TOKEN))
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no such activity")
    assert (info.reason, dict(info.metadata)) == ("NOT_FOUND", {"id": "a1"})
    probe.answer = busy
    error, _, details = await failure(client.stream(feed.GetFeedRequest(), metadata=TOKEN))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details[error_details_pb2.RetryInfo].retry_delay.ToMilliseconds() == 1500


async def test_an_unexpected_error_tells_the_caller_nothing_and_the_log_no_content(client, probe, caplog):
    async def broken(request, context):
        int(SECRET)

    probe.answer = broken
    structlog.configure(
        logger_factory=structlog.stdlib.LoggerFactory(), processors=[structlog.processors.JSONRenderer(default=repr)]
    )
    try:
        with caplog.at_level(logging.DEBUG):
            error, info, _ = await failure(client.one(feed.GetFeedRequest(), metadata=(*TOKEN, ("x-request-id", "req-7"))))
            # The line is written after the answer.
            lines: list[dict] = []
            async with asyncio.timeout(5):
                while not lines:
                    await asyncio.sleep(0.01)
                    lines = [json.loads(record.message) for record in caplog.records if '"event": "rpc"' in record.message]
    finally:
        structlog.reset_defaults()
    assert (error.code(), info.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert SECRET not in error.details()
    assert ("x-request-id", "req-7") in [tuple(pair) for pair in error.trailing_metadata()]
    assert (lines[0]["method"], lines[0]["code"]) == (f"/{SERVICE}/One", "INTERNAL")
    assert SECRET not in json.dumps(lines[0])


async def test_a_dependency_that_is_away_is_unavailable_not_our_bug(client, probe):
    async def forward(request, context):
        async with grpc.aio.insecure_channel("127.0.0.1:1") as nowhere:
            await nowhere.unary_unary("/x/y")(b"", timeout=5)

    probe.answer = forward
    error, info, details = await failure(client.one(feed.GetFeedRequest(), metadata=TOKEN))
    assert (error.code(), info.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
    assert error_details_pb2.RetryInfo in details


async def test_a_servicers_own_abort_goes_through(client, probe):
    async def abort(request, context):
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")

    probe.answer = abort
    error, _, _ = await failure(client.one(feed.GetFeedRequest(), metadata=TOKEN))
    assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "not now")


async def test_a_request_id_that_could_disturb_logs_is_replaced(client):
    call = client.one(feed.GetFeedRequest(), metadata=(*TOKEN, ("x-request-id", "a b {}")))
    await call
    given = dict(await call.trailing_metadata())["x-request-id"]
    assert len(given) == 32


async def test_messages_over_the_limit_are_refused(client, probe):
    error, _, _ = await failure(client.one(feed.GetFeedRequest(page_token="x" * (5 << 20)), metadata=TOKEN))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert probe.seen == []


async def test_calls_over_the_limit_are_refused_and_the_others_go_on(client, probe):
    release, full, inside = asyncio.Event(), asyncio.Event(), 0

    async def hold(request, context):
        nonlocal inside
        inside += 1
        if inside == 20:
            full.set()
        await release.wait()

    probe.answer = hold
    calls = [asyncio.ensure_future(client.one(feed.GetFeedRequest(), metadata=TOKEN)) for _ in range(20)]
    await asyncio.wait_for(full.wait(), 10)
    error, _, _ = await failure(client.one(feed.GetFeedRequest(), metadata=TOKEN))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    release.set()
    assert [answer.newer_count for answer in await asyncio.gather(*calls)] == [1] * 20


async def test_a_cancelled_call_is_counted_and_frees_the_servicer(client, probe):
    entered, left = asyncio.Event(), asyncio.Event()

    async def hold(request, context):
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    probe.answer = hold
    before = handled("Stream", "CANCELLED")
    call = client.stream(feed.GetFeedRequest(), metadata=TOKEN)
    await asyncio.wait_for(entered.wait(), 5)
    call.cancel()
    await asyncio.wait_for(left.wait(), 5)
    async with asyncio.timeout(5):
        while handled("Stream", "CANCELLED") == before:  # noqa: ASYNC110 - the count is all there is
            await asyncio.sleep(0.01)


def handled(method, code):
    """Return how many RPCs ended so."""
    return REGISTRY.get_sample_value("sluice_grpc_handled_total", {"method": f"/{SERVICE}/{method}", "code": code}) or 0.0


async def test_calls_are_counted_by_method_and_code(client):
    before = handled("One", "OK"), handled("One", "UNAUTHENTICATED")
    await client.one(feed.GetFeedRequest(), metadata=TOKEN)
    await failure(client.one(feed.GetFeedRequest()))
    counted, deadline = before, time.monotonic() + 10
    # A call is counted after its answer.
    while sum(counted) < sum(before) + 2 and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
        counted = handled("One", "OK"), handled("One", "UNAUTHENTICATED")
    assert counted == (before[0] + 1, before[1] + 1)


async def test_health_is_open_and_follows_set_serving(server, client):
    stub = health_pb2_grpc.HealthStub(client.channel)
    watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
    states = aiter(watch)
    assert (await anext(states)).status == health_pb2.HealthCheckResponse.NOT_SERVING
    await server.set_serving(True)
    assert (await anext(states)).status == health_pb2.HealthCheckResponse.SERVING
    assert (await stub.Check(health_pb2.HealthCheckRequest())).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


async def test_reflection_is_open_and_lists_the_services(client):
    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    async for answer in stub.ServerReflectionInfo(requests(reflection_pb2.ServerReflectionRequest(list_services=""))):
        assert SERVICE in {service.name for service in answer.list_services_response.service}


async def test_stopping_lets_calls_under_way_end(server, client, probe):
    entered, release = asyncio.Event(), asyncio.Event()

    async def hold(request, context):
        entered.set()
        await release.wait()

    probe.answer = hold
    call = asyncio.ensure_future(client.one(feed.GetFeedRequest(), metadata=TOKEN))
    await asyncio.wait_for(entered.wait(), 5)
    stopping = asyncio.ensure_future(server.stop(10))
    release.set()
    assert (await call).newer_count == 1
    await stopping
    await server.stop(0)


async def test_a_taken_port_is_an_error_at_start(server):
    """With port sharing two services would each get some of the calls."""
    second = GrpcServer(GrpcSettings(port=server.port), authenticate=authenticate, service_names=())
    with pytest.raises(PortUnavailable, match=str(server.port)):
        await second.start()
