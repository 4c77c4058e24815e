import asyncio
import time

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from sluice.activity.v1 import activity_pb2 as activity_pb
from sluice.ingest.v1 import publish_service_pb2 as pb
from sluice.ingest.v1 import publish_service_pb2_grpc as pb_grpc

from services.contracts.activity import Source
from services.contracts.codec import activity_from_bytes, timestamp
from services.contracts.principal import principal_of
from services.ingest.limits import InFlight, RateLimit
from services.ingest.membership import MembershipUnknown
from services.ingest.publish_servicer import PublishServicer
from services.ingest.publisher import KafkaPublisher
from services.runtime.grpc_server import GrpcServer
from services.runtime.settings import GrpcSettings
from tests.unit.ingest.fake_kafka import FakeKafka

NOW = 1_790_000_000_000
CALLERS = {
    "anna": {"sub": "anna", "employee": True},
    "bot": {"sub": "bot", "roles": ["publisher"]},
    "guest": {"sub": "guest"},
}


class Groups:
    """Anna is a member of the platform group."""

    known = True

    async def is_member(self, user, group):
        if not self.known:
            raise MembershipUnknown("not known")
        return (user, group) == ("person:anna", "group:platform")


class Service:
    def __init__(self, **limits):
        self.kafka = FakeKafka()
        self.groups = Groups()
        self.in_flight = InFlight(limits.get("in_flight", 100))
        servicer = PublishServicer(
            KafkaPublisher(self.kafka),
            self.groups,
            rate=RateLimit(1.0, limits.get("burst", 20_000), time.monotonic),
            in_flight=self.in_flight,
            now_ms=lambda: NOW,
        )
        self.server = GrpcServer(GrpcSettings(port=0), authenticate=self.authenticate, service_names=[])
        self.server.add(pb_grpc.add_PublishServiceServicer_to_server, servicer)

    async def authenticate(self, token):
        return principal_of(CALLERS[token])

    async def __aenter__(self):
        await self.server.start()
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.server.port}")
        self.stub = pb_grpc.PublishServiceStub(self.channel)
        return self

    async def __aexit__(self, *_):
        await self.channel.close()
        await self.server.stop(0)

    async def publish(self, caller, activity, request_id=""):
        request = pb.PublishRequest(activity=activity, request_id=request_id)
        return await self.stub.Publish(request, metadata=as_caller(caller))

    async def refused(self, caller, activity, request_id=""):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.publish(caller, activity, request_id)
        return refused.value.code(), details(rpc_status.from_call(refused.value))

    async def waiting(self):
        async with asyncio.timeout(10):
            await self.kafka.held.wait()

    @property
    def kept(self):
        return [activity_from_bytes(kept.record.value) for kept in self.kafka.raw]


def as_caller(name):
    return (("authorization", f"Bearer {name}"),)


def details(status):
    """Return the details of a google.rpc.Status by type."""
    found = {}
    for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
        for detail in status.details:
            message = kind()
            if detail.Unpack(message):
                found[kind.__name__] = message
    return found


def note(**fields):
    return activity_pb.Activity(**{"verb": activity_pb.VERB_POST, "object": {"content": "<p>Hi</p>"}, **fields})


def foreign(native_id="1", **fields):
    return note(
        source={"kind": "rss", "instance": "blog.example", "native_id": native_id},
        actor={"name": "person:ben"},
        audience={"scope": activity_pb.SCOPE_PUBLIC},
        **fields,
    )


async def test_an_employee_posts_with_nothing_but_her_words():
    async with Service() as service:
        response = await service.publish("anna", note(), request_id="r-1")
        (kept,) = service.kept
        assert kept.source == Source("sluice", "anna", "r-1")
        assert kept.actor.name == "person:anna"
        assert (response.id, response.partition, response.offset) == (kept.id, service.kafka.raw[0].partition, 0)


async def test_a_retry_with_the_same_request_id_is_the_same_activity():
    """It may be in the raw topic twice, under one id: refine makes it one."""
    async with Service() as service:
        first, second = [await service.publish("anna", note(), request_id="r-1") for _ in range(2)]
        other = await service.publish("anna", note(), request_id="r-2")
        assert first.id == second.id != other.id


async def test_without_a_request_id_every_call_is_another_activity():
    async with Service() as service:
        assert (await service.publish("anna", note())).id != (await service.publish("anna", note())).id


@pytest.mark.parametrize(
    ("caller", "activity", "code"),
    [
        ("guest", note(), "PERMISSION_DENIED"),
        ("anna", note(actor={"name": "person:ben"}), "PERMISSION_DENIED"),
        ("anna", note(audience={"scope": "SCOPE_PUBLIC"}), "PERMISSION_DENIED"),
        ("anna", note(audience={"scope": "SCOPE_GROUP", "groups": ["group:platform", "group:board"]}), "PERMISSION_DENIED"),
        ("anna", foreign(), "PERMISSION_DENIED"),
        ("bot", note(), "INVALID_ARGUMENT"),
        ("anna", note(id="ab" * 16), "INVALID_ARGUMENT"),
        ("anna", note(links=["https://x.example"]), "INVALID_ARGUMENT"),
    ],
)
async def test_what_may_not_be_published_is_refused_and_not_kept(caller, activity, code):
    async with Service() as service:
        status, _ = await service.refused(caller, activity)
        assert status.name == code
        assert service.kafka.kept == {}


async def test_an_employee_writes_for_groups_that_she_belongs_to():
    group = note(audience={"scope": "SCOPE_GROUP", "groups": ["group:platform"]})
    async with Service() as service:
        await service.publish("anna", group)
        service.groups.known = False
        code, found = await service.refused("anna", group)
        assert (code.name, found["ErrorInfo"].reason) == ("UNAVAILABLE", "MEMBERSHIP_UNKNOWN")
        assert len(service.kept) == 1


async def test_a_refusal_names_field_and_rule():
    async with Service() as service:
        code, found = await service.refused("bot", foreign(published=timestamp(-11_644_473_600_000)))
        assert code.name == "INVALID_ARGUMENT"
        assert found["ErrorInfo"].metadata["rejection"] == "published-out-of-range"
        assert found["BadRequest"].field_violations[0].field == "activity.published"


async def test_kafka_away_is_no_ok_and_says_when_to_come_back():
    async with Service() as service:
        service.kafka.away = True
        code, found = await service.refused("bot", foreign())
        assert (code.name, found["ErrorInfo"].reason) == ("UNAVAILABLE", "KAFKA_UNAVAILABLE")
        assert found["RetryInfo"].retry_delay.ToTimedelta().total_seconds() > 0
        assert service.in_flight.count == 0


async def test_ok_waits_for_the_acknowledgement():
    async with Service() as service:
        service.kafka.hold = asyncio.Event()
        call = asyncio.ensure_future(service.publish("bot", foreign()))
        await service.waiting()
        assert not call.done()
        service.kafka.hold.set()
        await call
        assert len(service.kept) == 1


async def test_more_than_may_wait_is_refused_with_a_time():
    async with Service(in_flight=1) as service:
        service.kafka.hold = asyncio.Event()
        first = asyncio.ensure_future(service.publish("bot", foreign("1")))
        await service.waiting()
        code, found = await service.refused("bot", foreign("2"))
        assert (code.name, found["ErrorInfo"].reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")
        assert "RetryInfo" in found
        service.kafka.hold.set()
        await first


async def test_a_callers_share_is_limited_and_anothers_is_not():
    async with Service(burst=1) as service:
        await service.publish("bot", foreign())
        code, found = await service.refused("bot", foreign())
        assert (code.name, found["ErrorInfo"].reason) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
        assert "RetryInfo" in found
        await service.publish("anna", note())


async def test_every_item_of_a_stream_has_its_own_result_in_its_order():
    bad = note(source={"kind": "RSS", "instance": "x", "native_id": "1"})
    items = [foreign("0"), note(), foreign("2"), bad, foreign("4", sort_time_ms=3), foreign("5")]
    async with Service() as service:
        requests = [pb.PublishStreamRequest(request=pb.PublishRequest(activity=item)) for item in items]
        requests.insert(3, pb.PublishStreamRequest())
        response = await service.stub.PublishStream(iter(requests), metadata=as_caller("bot"))
        outcomes = [result.WhichOneof("outcome") for result in response.results]
        assert outcomes == ["response", "error", "response", "error", "error", "error", "response"]
        assert {kept.source.native_id for kept in service.kept} == {"0", "2", "5"}
        assert [result.response.id for result in response.results if result.response.id] == [kept.id for kept in service.kept]
        missing = details(response.results[1].error)
        assert missing["ErrorInfo"].metadata["rejection"] == "actor-missing"
        assert missing["BadRequest"].field_violations[0].field == "activity.actor"


async def test_items_that_kafka_may_not_have_are_told_so_and_can_be_sent_again():
    """What came together shares its fate: some may be in, and repeating all changes nothing."""
    async with Service() as service:
        service.kafka.away_after = 2
        requests = [pb.PublishStreamRequest(request=pb.PublishRequest(activity=foreign(str(n)))) for n in range(3)]
        response = await service.stub.PublishStream(iter(requests), metadata=as_caller("bot"))
        assert {details(result.error)["ErrorInfo"].reason for result in response.results} == {"KAFKA_UNAVAILABLE"}
        service.kafka.away_after = None
        response = await service.stub.PublishStream(iter(requests), metadata=as_caller("bot"))
        assert [result.WhichOneof("outcome") for result in response.results] == ["response"] * 3
        assert {kept.source.native_id for kept in service.kept} == {"0", "1", "2"}


async def test_a_stream_without_end_is_cut_with_a_reason(monkeypatch):
    monkeypatch.setattr("services.ingest.publish_servicer.MAX_STREAM_ITEMS", 3)
    async with Service() as service:
        requests = [pb.PublishStreamRequest(request=pb.PublishRequest(activity=foreign(str(n)))) for n in range(4)]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await service.stub.PublishStream(iter(requests), metadata=as_caller("bot"))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert len(service.kept) == 3


async def test_a_delete_is_kept_under_the_id_that_is_deleted():
    """By source and by id it is the same key, so refine folds it into what it deletes, or waits for it."""
    async with Service() as service:
        published = await service.publish("bot", foreign())
        source = {"kind": "rss", "instance": "blog.example", "native_id": "1"}
        by_source = await service.stub.Delete(pb.DeleteRequest(source=source), metadata=as_caller("bot"))
        by_id = await service.stub.Delete(pb.DeleteRequest(id=published.id, version=7), metadata=as_caller("bot"))
        assert by_source.id == by_id.id == published.id
        assert {kept.record.key for kept in service.kafka.raw} == {published.id.encode()}
        assert [(kept.deleted, kept.version, kept.id) for kept in service.kept[1:]] == [
            (True, NOW, published.id),
            (True, 7, published.id),
        ]


@pytest.mark.parametrize(
    ("caller", "request_"),
    [
        ("anna", pb.DeleteRequest(id="ab" * 16)),
        ("anna", pb.DeleteRequest(source={"kind": "rss", "instance": "blog.example", "native_id": "1"})),
        ("anna", pb.DeleteRequest(source={"kind": "sluice", "instance": "ben", "native_id": "1"})),
        ("guest", pb.DeleteRequest(source={"kind": "sluice", "instance": "guest", "native_id": "1"})),
    ],
)
async def test_nobody_deletes_what_is_somebody_elses(caller, request_):
    async with Service() as service:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await service.stub.Delete(request_, metadata=as_caller(caller))
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert service.kafka.kept == {}


async def test_an_employee_deletes_her_own():
    async with Service() as service:
        published = await service.publish("anna", note(), request_id="r-1")
        source = {"kind": "sluice", "instance": "anna", "native_id": "r-1"}
        deleted = await service.stub.Delete(pb.DeleteRequest(source=source), metadata=as_caller("anna"))
        assert deleted.id == published.id
