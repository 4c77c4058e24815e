import gzip
import hashlib
import hmac
import json
import time

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Activity, Audience, Entity, Scope, Source, Verb
from services.ingest.cursors import Cursors
from services.ingest.inbox import MAX_BODY_BYTES, Inbox, Received
from services.ingest.limits import InFlight, RateLimit
from services.ingest.publisher import KafkaPublisher
from services.ingest.source import MalformedPayload, Mapped, Rejection, SignatureInvalid, SourceConfig
from tests.unit.ingest.fake_kafka import FakeKafka

NOW_S = 1_790_000_000.5
SECRET = "s3cret"


class Notes:
    """A channel that posts a JSON list of native ids; "bad" can't be mapped, "late" is from the year 2999, "crash" is a mistake of ours."""

    kind = "notes"

    def verify(self, headers, body, config, *, now_s):
        assert now_s == NOW_S
        if not hmac.compare_digest(headers.get("X-Signature", ""), signature(body, config.secret)):
            raise SignatureInvalid

    def map_payload(self, payload, config, *, content_type=""):
        try:
            names = json.loads(payload)
        except ValueError:
            raise MalformedPayload("json-malformed", "the body is not JSON") from None
        if "crash" in names:
            raise KeyError("crash")
        return Mapped(
            tuple(self.note(name) for name in names if name != "bad"),
            tuple(Rejection("type-unknown", "the type is unknown", "bad", payload) for name in names if name == "bad"),
        )

    def note(self, name):
        return Activity(
            source=Source("notes", "here", name),
            verb=Verb.POST,
            actor=Entity("person:anna"),
            audience=Audience(Scope.INTERNAL),
            published_ms=32_503_680_000_000 if name == "late" else 1,
        )


def signature(body, secret=SECRET):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Door:
    def __init__(self, burst=1000, most=1000):
        self.kafka = FakeKafka()
        self.cursors = Cursors(self.kafka, {}, lambda: 1)
        config = SourceConfig(id="notes", kind="notes", instance="here", secret=SECRET)
        inbox = Inbox(
            {"notes": Received(config, Notes())},
            KafkaPublisher(self.kafka),
            self.cursors,
            rate=RateLimit(1.0, burst, time.monotonic),
            in_flight=InFlight(most),
            now_s=lambda: NOW_S,
        )
        self.client = TestClient(TestServer(inbox.application()))

    async def __aenter__(self):
        await self.client.start_server()
        return self

    async def __aexit__(self, *_):
        await self.client.close()

    async def post(self, body, *, to="notes", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = await self.client.post(f"/inbox/{to}", data=body, headers={"X-Signature": signature(body)} | headers)
        return response.status, await response.json(), response.headers


async def test_what_is_posted_is_in_kafka_before_the_sender_hears():
    async with Door() as door:
        status, report, _ = await door.post(["a", "b"])
        assert status == 202
        assert [item["native_id"] for item in report["accepted"]] == ["a", "b"]
        assert [kept.record.key.decode() for kept in door.kafka.raw] == [item["id"] for item in report["accepted"]]
        assert door.cursors.state("notes").accepted_count == 2


async def test_the_bad_ones_of_a_batch_are_named_and_the_good_ones_taken():
    """What is refused isn't kept: the sender knows."""
    async with Door() as door:
        status, report, _ = await door.post(["a", "bad", "late"])
        assert status == 207
        assert [item["native_id"] for item in report["accepted"]] == ["a"]
        assert [(item["native_id"], item["code"]) for item in report["rejected"]] == [
            ("bad", "type-unknown"),
            ("late", "published-out-of-range"),
        ]
        assert (len(door.kafka.raw), door.kafka.dead) == (1, [])


async def test_nothing_good_is_an_error():
    async with Door() as door:
        status, report, _ = await door.post(["late"])
        assert (status, report["error"]["code"]) == (400, "published-out-of-range")


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"[", {}, (400, "json-malformed")),
        (b"[]", {"X-Signature": "wrong"}, (401, "SIGNATURE_INVALID")),
        (b"[", {"X-Signature": "wrong"}, (401, "SIGNATURE_INVALID")),
        (gzip.compress(b"[]", mtime=0), {"Content-Encoding": "gzip"}, (415, "ENCODING_UNSUPPORTED")),
        (b'["crash"]', {}, (500, "INTERNAL")),
    ],
)
async def test_a_refused_post_has_a_clear_status_and_leaves_nothing(body, headers, expected):
    async with Door() as door:
        status, report, _ = await door.post(body, **headers)
        assert (status, report["error"]["code"]) == expected
        assert door.kafka.kept == {}


async def test_an_unknown_inbox_is_not_found():
    async with Door() as door:
        assert (await door.post([], to="other"))[0] == 404


async def test_five_megabytes_are_refused_by_their_length():
    async with Door() as door:
        status, report, _ = await door.post(b"x" * 5_000_000)
        assert (status, report["error"]["code"]) == (413, "BODY_TOO_LARGE")


async def test_a_body_that_hides_its_length_is_refused_where_it_gets_too_long():
    async def chunks():
        for _ in range(20):
            yield b"x" * (MAX_BODY_BYTES // 10)

    async with Door() as door:
        response = await door.client.post("/inbox/notes", data=chunks(), headers={"X-Signature": "x"})
        assert response.status == 413


async def test_kafka_away_asks_to_come_back():
    async with Door() as door:
        door.kafka.away = True
        status, report, headers = await door.post(["a"])
        assert (status, report["error"]["code"], headers["Retry-After"]) == (503, "KAFKA_UNAVAILABLE", "1")
        assert door.cursors.state("notes").accepted_count == 0


async def test_too_much_from_one_source_asks_to_come_back():
    async with Door(burst=2) as door:
        assert (await door.post(["a", "b"]))[0] == 202
        status, report, headers = await door.post(["c"])
        assert (status, report["error"]["code"]) == (429, "RATE_LIMITED")
        assert int(headers["Retry-After"]) >= 1


async def test_who_cannot_sign_does_not_use_up_the_senders_share():
    async with Door(burst=1) as door:
        for _ in range(5):
            assert (await door.post(["a"], **{"X-Signature": "wrong"}))[0] == 401
        assert (await door.post(["a"]))[0] == 202


@given(st.binary(max_size=60))
async def test_no_bytes_get_anything_but_a_json_answer(body):
    async with Door() as door:
        status, report, _ = await door.post(body)
        assert status in (202, 207, 400, 500)
        assert report
