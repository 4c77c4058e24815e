import asyncio
import os
import signal
from collections import Counter
from functools import partial

import aiohttp
import grpc
import pytest
from sluice.activity.v1 import activity_pb2 as activity_pb
from sluice.ingest.v1 import publish_service_pb2 as pb

from services.contracts.activity import Activity, Audience, Entity, Scope, Source, Verb
from services.contracts.codec import activity_from_bytes
from services.contracts.relation_codec import relation_to_bytes
from services.contracts.relations import Relation, RelationKind
from services.contracts.topics import ACTIVITIES_RAW, RELATIONS
from services.ingest.cursors import read_states
from services.ingest.source import Mapped, SourceConfig
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.confirmed_sends import build_producer, send_confirmed
from services.runtime.producer import AcknowledgedProducer
from services.runtime.records import Outgoing
from tests.integration.runtime.kafka_steps import until


def note(**fields):
    return activity_pb.Activity(**{"verb": activity_pb.VERB_POST, "object": {"content": "<p>Hi</p>"}, **fields})


async def raw(security):
    """Return what is in the raw topic: (partition, offset) → activity."""
    found = {}

    def take(tp, records):
        found.update({(tp.partition, record.offset): activity_from_bytes(record.value) for record in records})

    await bulk_read(security, await partitions_of(security, ACTIVITIES_RAW.name), take)
    return found


async def test_what_was_answered_ok_is_in_the_topic(start_ingest, own_kafka):
    """At the place that the answer names. A retry may be there twice; it is one activity, because its id is the same."""
    async with start_ingest() as ingest:
        anna = ingest.metadata("anna", employee=True)
        request = pb.PublishRequest(activity=note(), request_id="r-1")
        first, second = [await ingest.stub.Publish(request, metadata=anna) for _ in range(2)]
    found = await raw(own_kafka)
    assert first.id == second.id == Source("sluice", "anna", "r-1").activity_id
    assert found[first.partition, first.offset].id == first.id
    assert {activity.id for activity in found.values()} == {first.id}
    assert first.partition == second.partition


async def test_nobody_publishes_without_a_token(start_ingest, own_kafka):
    async with start_ingest() as ingest:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ingest.stub.Publish(pb.PublishRequest(activity=note()))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert await raw(own_kafka) == {}


async def test_joining_and_leaving_decide_who_writes_for_a_group(start_ingest, own_kafka):
    """By the relations log alone, and as soon as it says so."""
    relation = Relation("person:anna", RelationKind.MEMBER_OF, "group:platform")
    request = pb.PublishRequest(activity=note(audience={"scope": "SCOPE_GROUP", "groups": ["group:platform"]}))

    async def write(value):
        producer = build_producer(own_kafka, "test")
        await producer.start()
        await send_confirmed(producer, [Outgoing(RELATIONS.name, relation.key, value, partition=0)])
        await producer.stop()

    async with start_ingest() as ingest:

        async def publish():
            # For moments the log's end isn't known, and nobody is let in.
            async with asyncio.timeout(10):
                while True:
                    try:
                        await ingest.stub.Publish(request, metadata=ingest.metadata("anna", employee=True))
                    except grpc.aio.AioRpcError as error:
                        if error.code() is not grpc.StatusCode.UNAVAILABLE:
                            return error.code().name
                    else:
                        return "OK"

        assert await publish() == "PERMISSION_DENIED"
        await write(relation_to_bytes(relation))
        assert await publish() == "OK"
        await write(None)
        async with asyncio.timeout(10):
            while (answer := await publish()) == "OK":
                continue
        assert answer == "PERMISSION_DENIED"


async def test_nothing_that_was_answered_ok_is_lost_when_kafka_goes_away(start_ingest, own_kafka, own_server, monkeypatch):
    """Kafka hangs while activities come in, comes back, stops and starts: UNAVAILABLE meanwhile; every OK is in the log."""
    answers: dict[str, set[str]] = {"OK": set(), "UNAVAILABLE": set()}
    monkeypatch.setattr("services.ingest.service.AcknowledgedProducer", partial(AcknowledgedProducer, delivery_s=2))

    async with start_ingest() as ingest:
        bot = ingest.metadata("bot", roles=["publisher"])

        async def publish(native_id):
            activity = note(
                source={"kind": "test", "instance": "here", "native_id": native_id},
                actor={"name": "person:anna"},
                audience={"scope": "SCOPE_INTERNAL"},
            )
            try:
                response = await ingest.stub.Publish(pb.PublishRequest(activity=activity), metadata=bot)
            except grpc.aio.AioRpcError as error:
                answers[error.code().name].add(Source("test", "here", native_id).activity_id)
                return "UNAVAILABLE"
            answers["OK"].add(response.id)
            return "OK"

        async def wave(name, count):
            return Counter(await asyncio.gather(*(publish(f"{name}-{number}") for number in range(count))))

        async def waves_until_one_fails():
            number = 0
            while not (await wave(f"during-{number}", 20))["UNAVAILABLE"]:
                number += 1

        async def until_it_is_back(name):
            async with asyncio.timeout(30):
                while await publish(name) != "OK":
                    continue

        assert await wave("before", 50) == {"OK": 50}
        during = asyncio.create_task(waves_until_one_fails())
        await until(lambda: len(answers["OK"]) > 100)
        os.kill(own_server.pid, signal.SIGSTOP)
        await during
        os.kill(own_server.pid, signal.SIGCONT)
        await until_it_is_back("resumed")
        await own_server.stop_async()
        assert await wave("away", 5) == {"UNAVAILABLE": 5}
        await own_server.start_async()
        await until_it_is_back("restarted")
        assert await wave("after", 50) == {"OK": 50}
    kept = {activity.id for activity in (await raw(own_kafka)).values()}
    assert answers["OK"] <= kept


class Numbers:
    """A channel of numbers: three a fetch, and then it waits."""

    kind = "numbers"

    def __init__(self):
        self.seen = []
        self.waiting = asyncio.Event()

    async def run(self, config, cursor, deliver, http):
        start = cursor.get("next", 0)
        self.seen.append(start)
        await deliver(Mapped(tuple(self.activity(number) for number in range(start, start + 3))), {"next": start + 3})
        self.waiting.set()
        await asyncio.Event().wait()

    def verify(self, headers, body, config, *, now_s):
        assert body

    def map_payload(self, payload, config, *, content_type=""):
        return Mapped((self.activity(int(payload)),))

    def activity(self, number):
        return Activity(
            source=Source("numbers", "here", str(number)),
            verb=Verb.POST,
            actor=Entity("person:anna"),
            audience=Audience(Scope.INTERNAL),
        )


async def test_a_source_goes_on_after_a_restart_where_kafka_has_it(start_ingest, own_kafka, monkeypatch):
    """The cursor is in sluice.sources.v1; what was posted is counted there when the service stops."""
    connector = Numbers()
    monkeypatch.setattr("services.ingest.service.KINDS", {"numbers": connector})
    config = SourceConfig(id="numbers", kind="numbers", instance="here")
    for _ in range(2):
        connector.waiting.clear()
        async with start_ingest(config) as ingest, asyncio.timeout(20):
            await connector.waiting.wait()
            url = f"http://127.0.0.1:{ingest.service.inbox_port}/inbox/numbers"
            async with aiohttp.ClientSession() as session, session.post(url, data=b"100") as response:
                assert response.status == 202
    assert connector.seen == [0, 3]
    assert {activity.source.native_id for activity in (await raw(own_kafka)).values()} == {*map(str, range(6)), "100"}
    state = (await read_states(own_kafka))["numbers"]
    assert (state.cursor, state.accepted_count, state.failure) == ({"next": 6}, 8, "")
