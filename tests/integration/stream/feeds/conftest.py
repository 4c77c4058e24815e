"""A feeds worker on a broker of its own, with a small index beside it."""

import asyncio
import time
from contextlib import asynccontextmanager

import grpc
import pytest
from aiokafka.admin import NewTopic
from sluice.feed.v1 import feed_service_pb2 as feed_pb
from sluice.feed.v1 import relation_service_pb2 as relation_pb
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceStub
from sluice.feed.v1.relation_service_pb2_grpc import RelationServiceStub

from services.contracts.activity import Activity, Audience, Entity, Scope, Source, Verb
from services.contracts.codec import activity_to_bytes
from services.contracts.partitions import partition_of
from services.contracts.topics import (
    ACTIVITIES,
    FEEDS_DLQ,
    IDENTITIES,
    INDEX_PROGRESS,
    INTERACTIONS,
    MARKERS,
    PREFERENCES,
    RELATIONS,
    RELATIONS_INVERSE,
)
from services.runtime.confirmed_sends import build_producer, send_confirmed
from services.runtime.embedded import free_port
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Outgoing
from services.runtime.settings import FeedsSettings, GrpcSettings, KafkaSettings, OpsSettings, PeerSettings, Settings
from services.runtime.token_issuer import EmbeddedIssuer
from services.stream.feeds import worker as feeds_worker
from tests.integration.runtime.kafka_steps import create
from tests.integration.stream.feeds.small_index import SmallIndex

PARTITIONS = 4


class House:
    """The broker, the index and a worker's settings; what a test does to them."""

    def __init__(self, *, server, security, index, settings, issuer, producer):
        self.server = server
        self.security = security
        self.index = index
        self.settings = settings
        self.issuer = issuer
        self.producer = producer
        self.count = 0

    def token(self, user, *, employee=True, roles=()):
        return self.issuer.issue(user, employee=employee, roles=roles)

    @asynccontextmanager
    async def working(self):
        """Run the real worker in this loop, as the process does."""
        stop = asyncio.Event()
        task = asyncio.create_task(feeds_worker.run(self.settings, stop))
        try:
            await self.until_serving(task)
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, 30)

    async def until_serving(self, task=None, seconds=30.0):
        """Wait until a call is answered; return after how many seconds that was."""
        begun = time.monotonic()
        async with self.calling("nobody") as caller:
            while True:
                assert task is None or not task.done(), task
                if await caller.answered():
                    return time.monotonic() - begun
                assert time.monotonic() < begun + seconds, "the worker doesn't answer"
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def calling(self, user, **claims):
        async with grpc.aio.insecure_channel(self.settings.grpc.address) as channel:
            yield Caller(channel, self.token(user, **claims))

    async def send(self, *messages):
        return await send_confirmed(self.producer, messages)

    def activity(self, actor, text, *, scope=Scope.INTERNAL, **changes):
        self.count += 1
        fields = {"verb": Verb.POST, "actor": Entity(f"person:{actor}"), "audience": Audience(scope), "text": text}
        fields |= {"sort_time_ms": 1_700_000_000_000 + self.count} | changes
        return Activity(Source("sluice", "test", str(self.count)), **fields).with_id()

    async def publish(self, *activities):
        await self.send(
            *[
                Outgoing(ACTIVITIES.name, a.id.encode(), activity_to_bytes(a), partition=partition_of(a.id, PARTITIONS))
                for a in activities
            ]
        )


class Caller:
    """One signed-in user and the services."""

    def __init__(self, channel, token):
        self._metadata = (("authorization", f"Bearer {token}"),)
        self.feeds = FeedServiceStub(channel)
        self.relations = RelationServiceStub(channel)

    async def call(self, method, request):
        return await method(request, metadata=self._metadata, timeout=10)

    async def feed(self, **fields):
        return await self.call(self.feeds.GetFeed, feed_pb.GetFeedRequest(**fields))

    async def answered(self):
        """Say whether the feed is served now; not being available is the only other answer that may come."""
        try:
            await self.feed()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False
        return True

    async def texts(self, **fields):
        return [entry.activity.text for entry in (await self.feed(**fields)).entries]

    async def until_texts(self, expected, seconds=10.0):
        deadline = time.monotonic() + seconds
        while (texts := await self.texts()) != expected:
            assert time.monotonic() < deadline, texts
            await asyncio.sleep(0.01)

    async def until_serving_texts(self, expected, seconds=10.0):
        """Wait for texts through a time in which the worker doesn't answer."""
        deadline = time.monotonic() + seconds
        while await self._texts_or_none() != expected:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    async def _texts_or_none(self):
        try:
            return await self.texts()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return None

    async def relate(self, method, **fields):
        return await self.call(getattr(self.relations, method), getattr(relation_pb, f"{method}Request")(**fields))


@pytest.fixture
async def house(own_server, tmp_path):
    """A broker with the topics, an index, and settings for a worker that isn't started yet."""
    security = KafkaSecurity(own_server.bootstrap)
    wide_topics = (ACTIVITIES, INTERACTIONS, RELATIONS, RELATIONS_INVERSE, MARKERS, PREFERENCES)
    wide = [NewTopic(topic.name, PARTITIONS, 1) for topic in wide_topics]
    await create(security, *wide, *(NewTopic(topic.name, 1, 1) for topic in (FEEDS_DLQ, IDENTITIES, INDEX_PROGRESS)))
    issuer = EmbeddedIssuer.in_folder(tmp_path)
    issuer.ensure_key()
    index = SmallIndex(security, PARTITIONS)
    await index.start()
    settings = Settings(
        kafka=KafkaSettings(bootstrap_servers=security.bootstrap),
        grpc=GrpcSettings(port=free_port()),
        ops=OpsSettings(port=free_port()),
        peers=PeerSettings(search=f"127.0.0.1:{index.port}"),
        # A busy machine must not look like a worker that is behind; one test is about that.
        feeds=FeedsSettings(capacity=10, stale_after_s=60.0),
        data_dir=tmp_path,
        instance="feeds-0",
        service_token=issuer.issue("feeds", roles=["service"]),
    )
    producer = build_producer(security, "test")
    await producer.start()
    yield House(server=own_server, security=security, index=index, settings=settings, issuer=issuer, producer=producer)
    await producer.stop()
    await index.stop()
