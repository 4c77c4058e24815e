import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest
from sluice.ingest.v1 import publish_service_pb2_grpc as pb_grpc

from services.ingest.service import IngestService
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.settings import GrpcSettings, HttpSettings, KafkaSettings, OpsSettings, Settings
from services.runtime.token_issuer import EmbeddedIssuer
from tests.integration.ingest.topics import create_topics
from tests.integration.runtime.kafka_steps import until

PARTITIONS = 2


class Running:
    """A service in this process and a client of it."""

    def __init__(self, service, stub, issuer):
        self.service, self.stub, self._issuer = service, stub, issuer

    def metadata(self, subject, **claims):
        return (("authorization", f"Bearer {self._issuer.issue(subject, **claims)}"),)


@pytest.fixture
async def own_kafka(own_server):
    """A broker for this test alone, with ingest's topics."""
    security = KafkaSecurity(own_server.bootstrap)
    await create_topics(security, PARTITIONS)
    return security


@pytest.fixture
def start_ingest(own_kafka, tmp_path):
    """Return what runs ingest on the test's broker until the block ends; stopping is graceful."""
    issuer = EmbeddedIssuer.in_folder(tmp_path)
    issuer.ensure_key()
    settings = Settings(
        kafka=KafkaSettings(bootstrap_servers=own_kafka.bootstrap),
        grpc=GrpcSettings(port=0),
        http=HttpSettings(port=0),
        ops=OpsSettings(port=0),
        data_dir=tmp_path,
    )

    @asynccontextmanager
    async def start(*sources):
        service, stop = IngestService(settings, sources), asyncio.Event()
        task = asyncio.create_task(service.run(stop))
        await until(lambda: not service.problems or task.done())
        assert not task.done(), task.exception()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.grpc.port}") as channel:
            yield Running(service, pb_grpc.PublishServiceStub(channel), issuer)
        stop.set()
        async with asyncio.timeout(20):
            await task

    return start
