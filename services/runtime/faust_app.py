"""Faust apps with the settings that are safe here; each one that deviates from Faust's default says why."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faust
from aiokafka.partitioner import DefaultPartitioner

from services.runtime.even_assignor import EvenAssignor
from services.runtime.faust_transport import batch_transport
from services.runtime.group_session import GroupSession
from services.runtime.kafka_security import KafkaSecurity, for_faust
from services.runtime.records import TopicPartition

#: What a service does with its partitions after a rebalance and before its streams begin.
AfterRebalance = Callable[[frozenset[TopicPartition]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FaustSettings:
    """What differs from one Faust app to the next.

    app_id: the consumer group. instance_id: this worker's name in it, the same after every restart (static membership:
    a restart within the session costs no rebalance, and the embedded broker never forgets a member without it).
    canonical_url: where other workers reach this one; as stable as instance_id, since a static member that comes back
    under another URL costs a rebalance more. batched_topics: delivered as chunks, see `faust_transport`. max_poll_records: the
    largest chunk. buffered_chunks: chunks waiting per topic before fetching pauses; commit_every: chunks between
    commits, beside the commit every commit_seconds. handover_seconds: what a batch in hand gets to finish before partitions move, at the
    most half a session.
    """

    app_id: str
    kafka: KafkaSecurity
    instance_id: str
    canonical_url: str
    data_dir: Path
    batched_topics: frozenset[str]
    max_poll_records: int = 4000
    buffered_chunks: int = 8
    commit_every: int = 8
    commit_seconds: float = 1.0
    session: GroupSession = field(default_factory=GroupSession)
    handover_seconds: float = 4.0


class _App(faust.App):
    """A Faust app on the transport that batches."""

    transport_class: Any = None

    def _new_transport(self) -> Any:
        return self.transport_class(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Any:
        return self.transport_class(self.conf.broker_producer, self)


def build_app(settings: FaustSettings) -> faust.App:
    """Return an app that is not connected to anything yet, its data folder made; agents are added to it before it starts."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)  # Faust makes the last folder only
    app = _App(
        settings.app_id,
        **for_faust(settings.kafka),
        broker_client_id=settings.instance_id,
        consumer_group_instance_id=settings.instance_id,
        canonical_url=settings.canonical_url,
        PartitionAssignor=EvenAssignor,
        datadir=str(settings.data_dir),
        # Its web server binds every interface and serves table data.
        web_enabled=False,
        # Topics come from the registry; one that a worker declares by accident has the wrong partition count.
        topic_allow_declare=False,
        topic_disable_leader=True,
        # Bytes in, bytes out: the codecs of the contracts decode. Faust's pickle codec runs code from the wire.
        key_serializer="raw",
        value_serializer="raw",
        # A replay of the log is always right, a skipped beginning never.
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=settings.session.timeout_s,
        broker_heartbeat_interval=settings.session.heartbeat_s,
        broker_rebalance_timeout=30.0,
        broker_request_timeout=30.0,
        broker_max_poll_records=settings.max_poll_records,
        broker_commit_every=settings.commit_every,
        broker_commit_interval=settings.commit_seconds,
        stream_buffer_maxsize=settings.buffered_chunks,
        # `FaustWorker` and the transport drain with a deadline; Faust's own waiting has none.
        stream_wait_empty=False,
        producer_acks=-1,
        # Java clients, kafka-python and the ownership map must agree on a key's partition.
        producer_partitioner=DefaultPartitioner(),
        producer_request_timeout=30.0,
        # Without standbys Faust falls back to an assignor that keeps no map of who owns what.
        table_standby_replicas=1,
        processing_guarantee="at_least_once",
    )
    handover = min(settings.handover_seconds, settings.session.timeout_s / 2)
    app.transport_class = batch_transport(settings.batched_topics, handover, settings.session.timeout_s)
    return app


def after_rebalance(app: faust.App, hook: AfterRebalance) -> None:
    """Call hook with the assigned partitions after every rebalance, before streams deliver anything of them.

    This is the place to read state back: heartbeats go on meanwhile (during Faust's on_partitions_assigned they stop,
    and a worker that reads there for longer than its session is evicted again and again). Faust seeks to the
    committed offsets afterwards, so records that the hook has read come again: skip those below the end it returned.
    When hook raises the worker fails. A rebalance that begins meanwhile cancels hook and calls it again.
    """

    async def call(_app: faust.App, **_: object) -> None:
        assigned = app.consumer.assignment()
        await hook(frozenset(TopicPartition(tp.topic, tp.partition) for tp in assigned))

    # By default a signal keeps only a weak reference, and the closure would be gone before the first rebalance.
    app.on_rebalance_complete.connect(call, weak=False)
