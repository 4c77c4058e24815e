"""Search as it runs: Kafka and Elasticsearch of its own, the workers in the loop of the test."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from aiokafka.admin import NewTopic
from elasticsearch import AsyncElasticsearch
from sluice.search.v1.search_service_pb2_grpc import SearchServiceStub

from services.contracts.codec import activity_to_bytes
from services.contracts.indices import activities_index
from services.contracts.partitions import partition_of
from services.contracts.topics import ACTIVITIES, RELATIONS, TOPICS, Size
from services.runtime.confirmed_sends import build_producer, send_confirmed
from services.runtime.embedded import EmbeddedServers, free_port
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Outgoing
from services.runtime.settings import AuthSettings, ElasticsearchSettings, GrpcSettings, KafkaSettings, OpsSettings, Settings
from services.runtime.settings_loading import load_settings
from services.runtime.token_issuer import EmbeddedIssuer
from services.search.__main__ import serve
from services.search.index_admin import apply_index
from tests.cluster.kept import KeptServers
from tests.integration.conftest import servers_for_a_test
from tests.integration.runtime.kafka_steps import create
from tests.integration.search.faulty_proxy import FaultyProxy

PARTITIONS = 4


@dataclass
class Search:
    """A running search service and what its tests do to it."""

    server: EmbeddedServers | KeptServers
    security: KafkaSecurity
    proxy: FaultyProxy
    settings: Settings
    issuer: EmbeddedIssuer

    @contextlib.asynccontextmanager
    async def running(self, role: str = "all") -> AsyncIterator[None]:
        """Run a role; stop it in order at the end."""
        stop = asyncio.Event()
        task = asyncio.create_task(serve(self.settings, role, stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, 20)

    async def send(self, topic: str, *messages: tuple[bytes, bytes | None, int | None]) -> list[Any]:
        """Send (key, value, partition) and return where they went."""
        producer = build_producer(self.security, "test")
        await producer.start()
        try:
            return await send_confirmed(producer, [Outgoing(topic, key, value, (), at) for key, value, at in messages])
        finally:
            await producer.stop()

    async def publish(self, *activities) -> list[Any]:
        """Put refined activities into their topic."""
        return await self.send(
            ACTIVITIES.name,
            *((one.id.encode(), activity_to_bytes(one), partition_of(one.id, PARTITIONS)) for one in activities),
        )

    async def relate(self, relation, value: bytes | None = b"x") -> None:
        """Put an edge into the relations log, or take it back with None."""
        await self.send(RELATIONS.name, (relation.key, value, partition_of(relation.subject, PARTITIONS)))

    @contextlib.asynccontextmanager
    async def as_user(self, user: str, **claims: Any) -> AsyncIterator[Any]:
        """Give a stub that calls as user."""
        token = self.issuer.issue(user, **claims)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.settings.grpc.port}") as channel:
            yield Caller(SearchServiceStub(channel), (("authorization", f"Bearer {token}"),))


@dataclass
class Caller:
    """A stub with a token."""

    stub: Any
    metadata: tuple[tuple[str, str], ...]

    async def call(self, method: str, request: Any) -> Any:
        """Call and return the answer; raises grpc.aio.AioRpcError."""
        return await getattr(self.stub, method)(request, metadata=self.metadata, timeout=10)


async def eventually(check, seconds: float = 25.0) -> Any:
    """Await check() until it returns something true, and return that; UNAVAILABLE counts as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if result := await check():
                return result
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
        assert time.monotonic() < deadline, f"not reached in {seconds} s"
        await asyncio.sleep(0.02)


async def create_topics(security: KafkaSecurity) -> None:
    """Create every topic of the registry, small."""
    count = {Size.WIDE: PARTITIONS, Size.SINGLE: 1}
    await create(security, *(NewTopic(topic.name, count[topic.size], 1) for topic in TOPICS))


@pytest.fixture
def search_server(tmp_path) -> Iterator[EmbeddedServers | KeptServers]:
    """Kafka and Elasticsearch for one test: the names of topics are the registry's."""
    with servers_for_a_test(tmp_path / "server", both=True) as server:
        yield server


@pytest.fixture
async def search(search_server, tmp_path) -> AsyncIterator[Search]:
    """Return a search service that isn't running yet, its topics and index made."""
    security = KafkaSecurity(search_server.bootstrap)
    proxy = FaultyProxy(search_server.elasticsearch_url)
    await proxy.start()
    issuer = EmbeddedIssuer.in_folder(tmp_path)
    issuer.ensure_key()
    await create_topics(security)
    core = load_settings().elasticsearch.core_analysis
    async with AsyncElasticsearch(search_server.elasticsearch_url) as client:
        await apply_index(client, activities_index(core=core))
    settings = Settings(
        kafka=KafkaSettings(bootstrap_servers=search_server.bootstrap, partitions=PARTITIONS),
        elasticsearch=ElasticsearchSettings(url=proxy.url, core_analysis=core),
        auth=AuthSettings(),
        grpc=GrpcSettings(port=free_port()),
        ops=OpsSettings(port=free_port()),
        data_dir=tmp_path,
        instance="search-test-0",
    )
    yield Search(search_server, security, proxy, settings, issuer)
    await proxy.stop()
