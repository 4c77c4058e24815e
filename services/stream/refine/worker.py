"""The refine process: one Faust worker, its producer, and the operators' server."""

import asyncio
import contextlib
import socket
from collections.abc import Mapping

from services.contracts.topics import ACTIVITIES_RAW
from services.runtime.confirmed_sends import build_producer
from services.runtime.faust_app import FaustSettings, after_rebalance, build_app
from services.runtime.faust_batches import add_batch_agent
from services.runtime.faust_worker import FaustWorker
from services.runtime.metrics import READER_LAG
from services.runtime.ops_server import OpsServer
from services.runtime.rare_collections import rare_collections
from services.runtime.settings import Settings
from services.stream.refine.agent import RefineAgent
from services.stream.refine.language import load_classifier
from services.stream.refine.owned_partitions import OwnedPartitions

APP_ID = "sluice-refine"

_START_SECONDS = 3600.0  # a large state takes long to read back
_LAG_SECONDS = 2.0
# A slice of common activities goes in one request. Below max.message.bytes of the topic, which counts the compressed batch.
WRITTEN_AT_ONCE = 1024 * 1024


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Refine until stop is set; then finish the batch in hand, commit and leave. Raises what ended the worker.

    What was read and not finished is read again by the next worker, and folded once.
    """
    security, instance = settings.kafka.security(), settings.instance or f"refine-{socket.gethostname()}"
    faust = faust_settings(settings, instance)
    # Faust makes the folder itself, not those above it.
    faust.data_dir.mkdir(parents=True, exist_ok=True)
    app = build_app(faust)
    worker = FaustWorker(app)
    producer = build_producer(security, instance, max_batch_size=WRITTEN_AT_ONCE)
    owned = OwnedPartitions(security, producer, load_classifier(), worker.fail)
    add_batch_agent(app, ACTIVITIES_RAW.name, RefineAgent(producer, owned), worker.fail)
    after_rebalance(app, owned.take_over)
    ops = OpsServer(settings.ops.host, settings.ops.port, lambda: not_ready(worker, owned))
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(rare_collections())
        await ops.start()
        stack.push_async_callback(ops.stop)
        await producer.start()
        stack.push_async_callback(producer.stop)
        stack.push_async_callback(owned.stop_watching)
        if await worker.start_unless(stop, timeout=_START_SECONDS):
            lag = asyncio.create_task(_report_lag(worker))
            stack.callback(lag.cancel)
            await worker.run(stop)


def faust_settings(settings: Settings, instance: str) -> FaustSettings:
    """Return what the Faust app is built from. instance is the worker's stable name and stands for its address: nobody calls refine."""
    return FaustSettings(
        app_id=APP_ID,
        kafka=settings.kafka.security(),
        session=settings.kafka.session(),
        instance_id=instance,
        canonical_url=f"refine://{instance}",
        data_dir=settings.data_dir / "faust" / instance,
        batched_topics=frozenset({ACTIVITIES_RAW.name}),
        # A batch is handled whole before a rebalance or a stop goes on: 2,000 take about half a second.
        max_poll_records=2000,
        buffered_chunks=4,
        commit_every=64,
    )


def not_ready(worker: FaustWorker, owned: OwnedPartitions) -> Mapping[str, str]:
    """Return what keeps refine from refining."""
    problems = {}
    if not worker.ready:
        problems["partitions"] = "not assigned yet, or moving"
    if not owned.read_back:
        problems["state"] = "not read back yet"
    return problems


async def _report_lag(worker: FaustWorker) -> None:
    gauge = READER_LAG.labels("refine", ACTIVITIES_RAW.name)
    while True:
        # A partition may be taken away between the two looks.
        with contextlib.suppress(AssertionError):
            gauge.set(_lag(worker) if worker.ready else float("nan"))
        await asyncio.sleep(_LAG_SECONDS)


def _lag(worker: FaustWorker) -> int:
    consumer = worker.app.consumer
    committed = consumer._committed_offset  # noqa: SLF001 - Faust offers no other way
    ends = {tp: consumer.highwater(tp) for tp in consumer.assignment() if tp.topic == ACTIVITIES_RAW.name}
    return sum(max(0, (end or 0) - (committed[tp] or 0)) for tp, end in ends.items())
