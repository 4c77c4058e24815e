"""What bad input gets: a clear status for the sender, a dead letter with its reason where it was ours, and everything else goes on."""

import asyncio
import json
import uuid
from datetime import UTC, datetime

import grpc
import httpx
import pytest
from aiokafka import AIOKafkaProducer
from sluice.activity.v1 import activity_pb2 as pb
from sluice.ingest.v1 import publish_service_pb2, publish_service_pb2_grpc
from standardwebhooks.webhooks import Webhook

from services.cli.dead_letters import read_letters
from services.cli.demo.sources import WEBHOOK_SECRET
from services.contracts.topics import ACTIVITIES_RAW
from tests.e2e.conftest import Person, System, eventually

STUB = publish_service_pb2_grpc.PublishServiceStub
SECRET = f"confidential{uuid.uuid4().hex}"


@pytest.fixture
def anna(system: System) -> Person:
    return system.person(f"anna-{uuid.uuid4().hex[:8]}")


def note(**fields) -> pb.Activity:
    """Something that is taken, but for fields."""
    given = {"verb": pb.VERB_POST, "object": pb.Object(content=SECRET), "audience": pb.Audience(scope=pb.SCOPE_INTERNAL)}
    return pb.Activity(**(given | fields))


def refusal(call) -> grpc.RpcError:
    """Return the error of a call; it says nothing of what was sent."""
    with pytest.raises(grpc.RpcError) as refused:
        call()
    assert SECRET not in str(refused.value.details())
    return refused.value


def raw_call(person: Person, data: bytes) -> bytes:
    """Publish bytes as they are."""
    with grpc.insecure_channel(person.system.settings.peers.ingest) as channel:
        call = channel.unary_unary("/sluice.ingest.v1.PublishService/Publish")
        return call(data, metadata=(("authorization", f"Bearer {person.token}"),), timeout=20)


def post(system: System, document: object, *, body: bytes = b"") -> httpx.Response:
    """Post to the inbox, signed."""
    body = body or json.dumps(document).encode()
    now = datetime.now(tz=UTC)
    headers = {"webhook-id": "m", "webhook-timestamp": str(int(now.timestamp())), "content-type": "application/activity+json"}
    headers["webhook-signature"] = Webhook(WEBHOOK_SECRET).sign("m", now, body.decode())
    return httpx.post(f"http://127.0.0.1:{system.stack.ports.inbox}/inbox/app-events", content=body, headers=headers)


def created(**changes: object) -> dict[str, object]:
    """A Create of a Note whose fields are changed; None leaves one out."""
    native = uuid.uuid4().hex
    said = {
        "type": "Create",
        "id": f"https://apps.example/{native}",
        "published": "2026-06-01T10:00:00Z",
        "actor": {"type": "Person", "id": "ben"},
        "object": {"type": "Note", "id": f"https://apps.example/notes/{native}", "content": SECRET},
    }
    return {name: value for name, value in (said | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xff" + SECRET.encode(), grpc.StatusCode.INVALID_ARGUMENT),
        (b"\x12\x02\xff\xfe", grpc.StatusCode.INVALID_ARGUMENT),
        (b"", grpc.StatusCode.INVALID_ARGUMENT),
        (b"x" * 5_000_000, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
    ids=["garbage", "half a character", "nothing", "five megabytes"],
)
def test_bytes_that_are_no_request_are_the_senders_mistake(anna, data, code):
    assert refusal(lambda: raw_call(anna, data)).code() is code


def test_fields_of_tomorrow_are_left_alone(anna):
    """A client that is newer than the server is understood as far as possible."""
    request = publish_service_pb2.PublishRequest(activity=note()).SerializeToString() + b"\xfa\xff\x03\x03abc"
    said = publish_service_pb2.PublishResponse.FromString(raw_call(anna, request)).id
    eventually(lambda: anna.entry(said))


def test_every_bad_item_of_a_stream_has_its_own_reason_and_the_good_ones_are_taken(anna):
    """1601, 2999, control characters in names, too much text, an outsider's scope: one result each, in their order."""
    items = [note(), note(), note(), note(), note(), note(), note()]
    items[1].published.FromJsonString("1601-01-01T00:00:00Z")
    items[2].published.FromJsonString("2999-01-01T00:00:00Z")
    items[3].source.native_id = "a\x07b"
    items[4].object.content = SECRET * 10_000
    items[5].audience.scope = pb.SCOPE_PUBLIC
    requests = [publish_service_pb2.PublishStreamRequest(request=publish_service_pb2.PublishRequest(activity=a)) for a in items]
    results = anna.call("ingest", STUB, "PublishStream", iter(requests)).results
    assert [result.error.code for result in results] == [0, 3, 3, 3, 3, 7, 0]
    assert SECRET not in str([result.error for result in results])
    eventually(lambda: all(anna.entry(results[place].response.id) for place in (0, 6)))


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ("{" + SECRET, 400),
        ("[" * 2000, 400),
        (created(published="1601-01-01T00:00:00Z"), 400),
        (created(published="2999-01-01T00:00:00Z"), 400),
        (created(unheardOf={"a": [1]}), 202),
        (created(summary="a\x00b\x07"), 202),
        (created(actor=None), 202),
        ([created(), created(published="2999-01-01T00:00:00Z")], 207),
    ],
    ids=["no JSON", "too deep", "1601", "2999", "unknown", "control characters", "no author", "mixed"],
)
def test_the_inbox_says_what_became_of_a_post(system, document, status):
    """A machine-readable code where something was refused; never the content."""
    answer = post(system, document, body=document.encode() if isinstance(document, str) else b"")
    assert (answer.status_code, SECRET in answer.text) == (status, False)
    said = answer.json()
    assert said.get("rejected") or said.get("error") if status != 202 else said["accepted"]


def test_another_body_under_the_same_version_is_kept_with_its_reason(system, anna):
    """The first one stays; the second is in the dead letter queue of refine."""
    bridge = system.person("bridge", roles=("publisher",))
    source = pb.Source(kind="sluice", instance="tests", native_id=uuid.uuid4().hex)
    fields = {"source": source, "version": 7, "actor": pb.Entity(name=anna.name)}
    first = bridge.publish(note(**fields, object=pb.Object(content="first")))
    assert bridge.publish(note(**fields, object=pb.Object(content="second"))) == first
    eventually(lambda: letter(system, first.encode(), "version-conflict"))
    assert anna.entry(first).activity.text == "first"


def letter(system: System, key: bytes | None, reason: str) -> bool:
    """Return whether refine's dead letter queue has a letter with this key and reason."""
    letters = asyncio.run(read_letters(system.settings.kafka.security(), "refine"))
    return any(kept.key == key and kept.reason == reason for kept in letters)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"poison-1", b"\xff\xff", "undecodable"),
        (b"poison-2", None, "key-mismatch"),
        (None, b"", "key-mismatch"),
        (b"\xff\xfe", b"\xff", "undecodable"),
        (b"poison-3", b"\xff" * 2_000_000, "undecodable"),
    ],
    ids=["no activity", "tombstone", "no key", "key of no text", "two megabytes"],
)
def test_a_record_that_nobody_of_us_wrote_stops_no_partition(system, anna, key, value, reason):
    """It is in the dead letter queue, and what comes after it in every partition is in the feed."""

    async def poison() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=system.settings.kafka.bootstrap_servers, max_request_size=1 << 23)
        await producer.start()
        try:
            for partition in await producer.partitions_for(ACTIVITIES_RAW.name):
                await producer.send_and_wait(ACTIVITIES_RAW.name, key=key, value=value, partition=partition)
        finally:
            await producer.stop()

    asyncio.run(poison())
    said = [anna.say(str(number)) for number in range(20)]
    eventually(lambda: {entry.activity.id for entry in anna.feed().entries} >= set(said))
    assert letter(system, key, reason)


def test_nobody_puts_something_into_the_feeds_of_a_group_that_is_not_hers(system, admin, anna):
    """A target counts for delivery, so it takes the same membership as an audience."""
    group = f"group:{uuid.uuid4().hex}"
    eve = system.person(f"eve-{uuid.uuid4().hex[:8]}")
    admin.relate("Join", group=group, user=anna.name)
    assert refusal(lambda: eve.publish(note(target=pb.Entity(name=group)))).code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_feed_of_long_posts_is_read_page_by_page(anna):
    """A client of gRPC takes 4 MiB: pages are cut where the next entry wouldn't fit, and none is skipped."""
    said = [anna.publish(note(object=pb.Object(content=f"word{number} " * 25_000))) for number in range(15)]
    eventually(lambda: anna.search("", actors=[anna.name]).total_size == len(said))
    read, token = [], ""
    while token or not read:
        page = anna.feed(20, token)
        read += [entry.activity.id for entry in page.entries]
        token = page.next_page_token
    assert sorted(read) == sorted(said)


def test_no_log_holds_what_was_refused(system, anna):
    refusal(lambda: anna.publish(note(object=pb.Object(content=SECRET * 10_000))))
    for log in (system.stack.data_dir / "logs").glob("*.log"):
        assert SECRET not in log.read_text(errors="replace")
