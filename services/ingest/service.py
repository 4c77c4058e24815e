"""The parts of ingest, started in the order they need each other and stopped so that nothing acknowledged is lost."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

import structlog
from aiohttp import web
from aiokafka.errors import KafkaError
from sluice.ingest.v1 import publish_service_pb2 as pb
from sluice.ingest.v1.publish_service_pb2_grpc import add_PublishServiceServicer_to_server

from services.contracts.partitions import key_partitioner
from services.contracts.principal import Principal, principal_of
from services.contracts.topics import ACTIVITIES_RAW, INGEST_DLQ, SOURCES
from services.ingest.cursors import Cursors, read_states
from services.ingest.delivery import Deliveries
from services.ingest.inbox import Inbox, Received
from services.ingest.limits import InFlight, RateLimit
from services.ingest.membership import Membership
from services.ingest.publish_servicer import PublishServicer
from services.ingest.publisher import KafkaPublisher
from services.ingest.registry import KINDS, fetches, receives
from services.ingest.sending import KafkaUnavailable
from services.ingest.source import SourceConfig
from services.ingest.supervisor import FetchedSource, Supervisor
from services.runtime import metrics
from services.runtime.auth import TokenVerifier, caller
from services.runtime.grpc_server import GrpcServer
from services.runtime.http_client import guarded_client
from services.runtime.ops_server import OpsServer
from services.runtime.producer import AcknowledgedProducer, KafkaAway
from services.runtime.settings import Settings

SERVICE = pb.DESCRIPTOR.services_by_name["PublishService"].full_name
_FLUSH_S = 10.0
_RETRY_S = 1.0
_GRACE_S = 15.0

log = structlog.get_logger()


def now_ms() -> int:
    """Return the time in int64 milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class IngestService:
    """One process of ingest. run() returns when stop is set and everything that was answered OK is in Kafka."""

    def __init__(self, settings: Settings, sources: Sequence[SourceConfig]) -> None:
        self._settings = settings
        self._sources = sources
        self._kafka = settings.kafka.security()
        self._membership = Membership(self._kafka)
        self._verifier = TokenVerifier(settings.auth, settings.data_dir)
        self._rate = RateLimit(settings.ingest.rate_per_s, settings.ingest.burst, time.monotonic)
        self._in_flight = InFlight(settings.ingest.max_in_flight)
        self.problems: dict[str, str] = {"start": "starting"}
        self.grpc = GrpcServer(settings.grpc, authenticate=self._authenticate, service_names=[SERVICE])
        self.ops = OpsServer(settings.ops.host, settings.ops.port, lambda: self.problems)
        self.inbox_port = settings.http.port
        metrics.INGEST_IN_FLIGHT.set_function(lambda: self._in_flight.count)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until stop is set. Raises what waiting can't mend, such as a port that is taken."""
        async with AsyncExitStack() as stack:
            await self.ops.start()
            stack.push_async_callback(self.ops.stop)
            producer = await self._connected(stop)
            if producer is None:
                return
            stack.push_async_callback(producer.close)
            await self._work(stack, producer, stop)

    async def _connected(self, stop: asyncio.Event) -> AcknowledgedProducer | None:
        """Return a producer that knows its topics, however long Kafka takes to come up; None when stopped before."""
        while not stop.is_set():
            producer = AcknowledgedProducer(self._kafka, "ingest", key_partitioner)
            try:
                await producer.start([ACTIVITIES_RAW.name, INGEST_DLQ.name, SOURCES.name])
                self._states = await read_states(self._kafka)
                await self._membership.start()
            except (KafkaAway, KafkaError, LookupError, OSError) as error:
                await producer.close()
                self.problems = {"kafka": str(error) if isinstance(error, LookupError) else type(error).__name__}
                log.warning("waiting for Kafka", failure=self.problems["kafka"])
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _RETRY_S)
            else:
                return producer
        return None

    async def _work(self, stack: AsyncExitStack, producer: AcknowledgedProducer, stop: asyncio.Event) -> None:
        publisher, cursors = KafkaPublisher(producer), Cursors(producer, self._states, now_ms)
        stack.push_async_callback(_flush, cursors)
        http = await stack.enter_async_context(guarded_client(self._settings.fetch))
        supervisor = Supervisor(self._fetched(), Deliveries(publisher, cursors, now_ms), cursors, http)
        await self._open_doors(stack, publisher, cursors)
        async with asyncio.TaskGroup() as group:
            work = (self._membership.run(), supervisor.run(), _keep_flushing(cursors))
            tasks = [group.create_task(part) for part in work]
            await self._say_ready()
            await stop.wait()
            self.problems = {"stop": "stopping"}
            await self.grpc.set_serving(serving=False)
            for task in tasks:
                task.cancel()

    async def _open_doors(self, stack: AsyncExitStack, publisher: KafkaPublisher, cursors: Cursors) -> None:
        servicer = PublishServicer(
            publisher, self._membership, rate=self._rate, in_flight=self._in_flight, now_ms=now_ms, principal=caller
        )
        self.grpc.add(add_PublishServiceServicer_to_server, servicer)
        inbox = Inbox(self._received(), publisher, cursors, rate=self._rate, in_flight=self._in_flight, now_s=time.time)
        runner = web.AppRunner(inbox.application(), access_log=None, shutdown_timeout=_GRACE_S)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, self._settings.http.host, self._settings.http.port).start()
        self.inbox_port = runner.addresses[0][1]
        await self.grpc.start()
        stack.push_async_callback(self.grpc.stop, _GRACE_S)

    async def _say_ready(self) -> None:
        self.problems = {}
        await self.grpc.set_serving(serving=True)
        log.info("ready", grpc=self.grpc.port, inbox=self.inbox_port, ops=self.ops.port, sources=len(self._sources))

    async def _authenticate(self, token: str) -> Principal:
        auth = self._settings.auth
        claims = await self._verifier.verify(token)
        return principal_of(claims, employee_claim=auth.employee_claim, roles_claim=auth.roles_claim)

    def _fetched(self) -> list[FetchedSource]:
        if not self._settings.ingest.fetch_sources:
            return []
        pairs = ((config, KINDS[config.kind]) for config in self._sources)
        return [FetchedSource(config, connector) for config, connector in pairs if fetches(connector)]

    def _received(self) -> dict[str, Received]:
        pairs = ((config, KINDS[config.kind]) for config in self._sources)
        return {config.id: Received(config, connector) for config, connector in pairs if receives(connector)}


async def _keep_flushing(cursors: Cursors) -> None:
    while True:
        await asyncio.sleep(_FLUSH_S)
        await _flush(cursors)


async def _flush(cursors: Cursors) -> None:
    """Write what posting sources sent. Only counts can be late, so Kafka being away is no reason to stop."""
    try:
        await cursors.flush()
    except KafkaUnavailable:
        log.warning("counts of sources not written: Kafka is away")
