"""The feeds process: a Faust worker for relations, the broadcast of activities, and gRPC, in one loop."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from sluice.feed.v1 import feed_service_pb2, peer_service_pb2, ranking_service_pb2, relation_service_pb2
from sluice.feed.v1.feed_service_pb2_grpc import add_FeedServiceServicer_to_server
from sluice.feed.v1.peer_service_pb2_grpc import add_PeerServiceServicer_to_server
from sluice.feed.v1.ranking_service_pb2_grpc import add_RankingServiceServicer_to_server
from sluice.feed.v1.relation_service_pb2_grpc import add_RelationServiceServicer_to_server

from services.contracts.errors import ServiceUnavailable
from services.contracts.indices import activities_index
from services.contracts.principal import Principal, principal_of
from services.contracts.topics import ACTIVITIES, IDENTITIES, RELATIONS
from services.runtime import metrics
from services.runtime.auth import TokenVerifier
from services.runtime.bulk_read import partitions_of
from services.runtime.confirmed_sends import build_producer
from services.runtime.faust_app import FaustSettings, after_rebalance, build_app
from services.runtime.faust_batches import add_batch_agent
from services.runtime.faust_worker import FaustWorker
from services.runtime.grpc_client import open_channel
from services.runtime.grpc_server import GrpcServer
from services.runtime.log_ends import LogEnds
from services.runtime.ops_server import OpsServer
from services.runtime.rare_collections import rare_collections
from services.runtime.records import TopicPartition
from services.runtime.service_token import ServiceToken
from services.runtime.settings import Settings
from services.stream.feeds.accounts import Accounts
from services.stream.feeds.broadcast import Broadcast
from services.stream.feeds.by_id import ActivitiesById
from services.stream.feeds.changes import Changes
from services.stream.feeds.dead_letters import DeadLetters
from services.stream.feeds.engine import EngineLimits, FeedEngine
from services.stream.feeds.feed_servicer import FeedServicer, page_token
from services.stream.feeds.freshness import Freshness
from services.stream.feeds.history_client import HistoryClient
from services.stream.feeds.identity_log import IdentityLog
from services.stream.feeds.index_progress import IndexProgress
from services.stream.feeds.ingest_client import IngestClient
from services.stream.feeds.intake import Intake
from services.stream.feeds.interaction_log import InteractionLog
from services.stream.feeds.live.live_feeds import LiveFeeds, LiveLimits
from services.stream.feeds.live.live_view import LiveView
from services.stream.feeds.observed_counts import ObservedCounts
from services.stream.feeds.owned_relations import TOPICS, OwnedRelations
from services.stream.feeds.ownership import Ownership, canonical_url
from services.stream.feeds.peer_servicer import PeerServicer
from services.stream.feeds.peers import InverseEdges, Peers
from services.stream.feeds.preference_changes import PreferenceChanges
from services.stream.feeds.ranking_parts import build_ranking
from services.stream.feeds.reactions import Reactions
from services.stream.feeds.reading import FeedReader
from services.stream.feeds.relation_servicer import RelationServicer
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.rolled_feed import RolledFeed
from services.stream.feeds.rolled_reading import RolledReader
from services.stream.feeds.routing import Routing
from services.stream.feeds.tallies import Tallies
from services.stream.feeds.up_to_now import UpToNow

_APP_ID = "sluice-feeds"
_INSTANCE = "feeds-0"
_LOOK_SECONDS = 0.2
_START_SECONDS = 120.0
_GRACE_SECONDS = 5.0
# A stretch of history is up to 2,000 activities.
_SERVICES = (
    feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"].full_name,
    ranking_service_pb2.DESCRIPTOR.services_by_name["RankingService"].full_name,
    relation_service_pb2.DESCRIPTOR.services_by_name["RelationService"].full_name,
    peer_service_pb2.DESCRIPTOR.services_by_name["PeerService"].full_name,
)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve feeds until stop is set; then end the calls under way, commit and leave. Raises what ended the worker."""
    security = settings.kafka.security()
    partitions = await partitions_of(security, RELATIONS.name)
    async with AsyncExitStack() as stack:
        worker = FeedsWorker(settings, len(partitions))
        stack.push_async_callback(worker.close)
        await worker.run(stop)


class FeedsWorker:
    """Everything of one process, wired. Create it inside the running loop, run it once, close it."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        security, feeds = settings.kafka.security(), settings.feeds
        instance = settings.instance or _INSTANCE
        self._stale_after = feeds.stale_after_s
        self._app = build_app(_faust_settings(settings, instance))
        self._faust = FaustWorker(self._app)
        self._producer = build_producer(security, instance)
        self._engine = FeedEngine(
            EngineLimits(feeds.capacity, feeds.active_readers, feeds.body_megabytes << 20, settings.watch.arrivals)
        )
        self._state = RelationState(partitions)
        letters = DeadLetters(self._producer)
        self._owned = OwnedRelations(security, self._state, self._engine, self._producer, letters)
        self._identities = IdentityLog(security, self._state.identities, Intake(self._state, self._engine).identities)
        self._tallies = Tallies()
        self._interactions = InteractionLog(security, self._tallies, self._engine.counted)
        self._progress = IndexProgress(security, activities_index().name, self._progressed)
        self._broadcast = Broadcast(security, self._engine, letters, self._progress.refreshed, reach=settings.watch.arrivals)
        self._ends = LogEnds(security, f"{instance}-ends")
        self._freshness = Freshness(self._ends.of, self._positions)
        self._up_to_now = UpToNow(self._ends.of, (self._owned.positions, self._identities.positions))
        self._search = open_channel(settings.peers.search, tls_ca=settings.peers.tls_ca)
        self._ingest = open_channel(settings.peers.ingest, tls_ca=settings.peers.tls_ca)
        self._ops = OpsServer(settings.ops.host, settings.ops.port, self._problems)
        self._routing = Routing(
            self._state,
            Ownership(self._app).address_of,
            settings.grpc.address,
            # Routing knows whom else to ask, and the same once more is a user's time.
            partial(open_channel, tls_ca=settings.peers.tls_ca, again=False),
            self._trusted,
            other_group=settings.peers.feeds_replica,
            caught_up=self._caught_up if settings.peers.feeds_replica else None,
        )
        self._grpc = self._servicers(settings)
        for topic in TOPICS:
            add_batch_agent(self._app, topic, self._owned.take, self._faust.fail)
        after_rebalance(self._app, self._owned.take_over)

    async def run(self, stop: asyncio.Event) -> None:
        """Start, serve until stop is set or something fails for good, and stop in order."""
        # Activities by the hundred thousand live for long and hold no cycles: looking through them takes a tenth of a second.
        with rare_collections():
            await self._run(stop)

    async def _run(self, stop: asyncio.Event) -> None:
        await self._producer.start()
        await self._identities.read_back()
        await self._interactions.read_back()
        await self._progress.read_back()
        async with asyncio.TaskGroup() as group:
            begin: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]] = group.create_task
            followed = (
                self._identities.run(),
                self._progress.run(),
                self._broadcast.run(),
                self._live.run(),
                self._interactions.run(),
            )
            views = [begin(view) for view in (*followed, self._freshness.run(), self._report())]
            await self._ops.start()
            await self._grpc.start()
            drained = asyncio.Event()
            views.append(begin(self._drain(stop, drained)))
            if await self._faust.start_unless(drained, _START_SECONDS):
                await self._faust.run(drained)
            for view in views:
                view.cancel()

    async def _drain(self, stop: asyncio.Event, drained: asyncio.Event) -> None:
        """End the calls under way while the agents that they wait for still work."""
        await stop.wait()
        await self._grpc.set_serving(False)
        self._live.drain()
        await self._grpc.stop(_GRACE_SECONDS)
        drained.set()

    async def close(self) -> None:
        """Take no more calls, end those under way, and close what is open. Repeatable."""
        await self._grpc.stop(_GRACE_SECONDS)
        await self._faust.stop()
        await self._producer.stop()
        await self._ops.stop()
        await self._routing.close()
        await self._search.close()
        await self._ingest.close()
        await self._ends.close()

    def _servicers(self, settings: Settings) -> GrpcServer:
        history = HistoryClient(self._search, ServiceToken.of(settings))
        reader = FeedReader(self._engine, self._state, history, self._broadcast.catch_up, time.monotonic)
        view = LiveView(self._engine, self._state, reader, history, self._broadcast.catch_up)
        limits = settings.watch.model_dump(exclude={"arrivals"})
        observed = ObservedCounts(self._tallies, self._state)
        self._live = LiveFeeds(
            self._engine,
            self._state,
            view,
            trusted=self._trusted,
            token_of=page_token,
            limits=LiveLimits(**limits),
            counts_of=lambda ids, ask: observed.of_activities(ids, ask.user, employee=ask.employee),
        )
        changes = Changes(self._state, self._owned.positions, self._producer)
        ranking = build_ranking(
            reader,
            self._engine,
            self._state,
            history,
            PreferenceChanges(self._owned.preferences, self._state.partition_of, self._owned.positions, self._producer),
            tallies=self._tallies,
            observed=observed,
            routing=self._routing,
        )
        reactions = Reactions(
            self._engine,
            self._state,
            ActivitiesById(self._engine, history),
            IngestClient(self._ingest),
            self._broadcast.positions,
            now_ms=lambda: time.time_ns() // 1_000_000,
        )
        inverse = InverseEdges(self._state, self._owned.positions)
        relations = RelationServicer(
            self._state,
            self._state.identities,
            changes=changes,
            peers=Peers(self._routing, inverse, ServiceToken.of(settings)),
            accounts=Accounts(self._state.identities, self._identities.positions, self._producer),
            routing=self._routing,
        )
        verifier = TokenVerifier(settings.auth, settings.data_dir)
        server = GrpcServer(settings.grpc, authenticate=partial(_principal, settings, verifier), service_names=_SERVICES)
        rolled = RolledFeed(RolledReader(reader, self._engine, self._state.identities.person_of), observed)
        feeds = FeedServicer(
            reader, changes, self._routing, self._live, observed, ranked=ranking.feed, reactions=reactions, rolled=rolled
        )
        server.add(add_FeedServiceServicer_to_server, feeds)
        server.add(add_RankingServiceServicer_to_server, ranking.servicer)
        server.add(add_RelationServiceServicer_to_server, relations)
        server.add(add_PeerServiceServicer_to_server, PeerServicer(inverse, self._routing))
        return server

    async def _caught_up(self, name: str) -> None:
        partition = self._state.partition_of(name)
        await self._up_to_now.wait([TopicPartition(topic, partition) for topic in TOPICS] + [TopicPartition(IDENTITIES.name, 0)])

    def _progressed(self) -> None:
        self._broadcast.progressed()

    def _positions(self) -> Mapping[TopicPartition, int]:
        broadcast = {
            TopicPartition(ACTIVITIES.name, partition): at for partition, at in self._broadcast.positions.applied.items()
        }
        whole = self._identities.positions.applied | self._interactions.positions.applied
        return broadcast | self._owned.positions.applied | whole

    def _problems(self) -> dict[str, str]:
        problems = {}
        if not self._faust.ready:
            problems["relations"] = "partitions are not assigned or not read back"
        if not self._broadcast.ready:
            problems["broadcast"] = "recent activities are being read"
        elif self._freshness.age() > self._stale_after:
            problems["freshness"] = f"what came in the last {self._freshness.age():.0f} s may be missing"
        return problems

    def _trusted(self) -> None:
        if problems := self._problems():
            raise ServiceUnavailable("this worker is not up to date: " + ", ".join(sorted(problems)))

    async def _report(self) -> None:
        """Keep the health of the server and the gauges up to date."""
        while True:
            await self._grpc.set_serving(not self._problems())
            metrics.FEEDS_STALE_SECONDS.set(min(self._freshness.age(), 1e9))
            metrics.FEEDS_ACTIVE_READERS.set(len(self._engine.readers))
            metrics.FEEDS_KNOWN_ACTIVITIES.set(len(self._engine.table))
            metrics.FEEDS_BODY_BYTES.set(self._engine.table.body_bytes)
            metrics.FEEDS_WINDOW.set(len(self._engine.window))
            await asyncio.sleep(_LOOK_SECONDS)


def _faust_settings(settings: Settings, instance: str) -> FaustSettings:
    data_dir = settings.data_dir / "faust" / instance
    return FaustSettings(
        app_id=f"{_APP_ID}-{settings.feeds.group}" if settings.feeds.group else _APP_ID,
        kafka=settings.kafka.security(),
        session=settings.kafka.session(),
        instance_id=instance,
        canonical_url=canonical_url(settings.grpc.address),
        data_dir=data_dir,
        batched_topics=frozenset(TOPICS),
    )


async def _principal(settings: Settings, verifier: TokenVerifier, token: str) -> Principal:
    claims = await verifier.verify(token)
    auth = settings.auth
    return principal_of(claims, employee_claim=auth.employee_claim, roles_claim=auth.roles_claim)
