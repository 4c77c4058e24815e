"""The readers' side: SearchService over gRPC."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from sluice.search.v1 import search_service_pb2
from sluice.search.v1.search_service_pb2_grpc import add_SearchServiceServicer_to_server

from services.contracts.indices import activities_index
from services.contracts.principal import Principal, principal_of
from services.runtime.auth import TokenVerifier
from services.runtime.elastic import build_client
from services.runtime.grpc_server import GrpcServer
from services.runtime.settings import Settings
from services.search.elastic_index import ElasticIndex
from services.search.history import History
from services.search.index_freshness import IndexFreshness
from services.search.index_watch import IndexWatch
from services.search.readiness import Readiness
from services.search.reads import Reads
from services.search.servicer import SearchServicer
from services.search.views import MembershipView, ProgressView

CHECKS = ("index", "memberships", "progress", "log")
_SERVICE = search_service_pb2.DESCRIPTOR.services_by_name["SearchService"].full_name
_HEALTH_SECONDS = 0.5


async def run(settings: Settings, stop: asyncio.Event, readiness: Readiness) -> None:
    """Serve until stop is set; calls under way end first. Raises OffsetGone and OSError (the port is taken)."""
    elastic, security = settings.elasticsearch, settings.kafka.security()
    index = activities_index(shards=elastic.shards, replicas=elastic.replicas, core=elastic.core_analysis)
    memberships, progress = MembershipView(security), ProgressView(security, index.name)
    freshness = IndexFreshness(security, progress.refreshed, settings.search.stale_after_s)
    async with AsyncExitStack() as stack:
        client = build_client(elastic)
        stack.push_async_callback(client.close)
        port = ElasticIndex(client, index)
        watch = IndexWatch(port.problem)
        readiness.add("index", lambda: watch.reason)
        readiness.add("memberships", memberships.problem)
        readiness.add("progress", progress.problem)
        readiness.add("log", freshness.unknown)
        verify = TokenVerifier(settings.auth, settings.data_dir)
        server = GrpcServer(settings.grpc, authenticate=partial(_principal, settings, verify), service_names=[_SERVICE])
        reads = Reads(port, memberships.groups_of, freshness.problem)
        server.add(add_SearchServiceServicer_to_server, SearchServicer(reads, History(port, progress.refreshed)))
        stack.push_async_callback(server.stop)
        await server.start()
        async with asyncio.TaskGroup() as group:
            views = (memberships.run(), progress.run(), freshness.run(), watch.run(), _tell_health(server, readiness))
            tasks = [group.create_task(view) for view in views]
            await stop.wait()
            await server.stop()
            for task in tasks:
                task.cancel()


async def _principal(settings: Settings, verifier: TokenVerifier, token: str) -> Principal:
    claims: dict[str, Any] = await verifier.verify(token)
    auth = settings.auth
    return principal_of(claims, employee_claim=auth.employee_claim, roles_claim=auth.roles_claim)


async def _tell_health(server: GrpcServer, readiness: Readiness) -> None:
    while True:
        await server.set_serving(not readiness.problems())
        await asyncio.sleep(_HEALTH_SECONDS)
