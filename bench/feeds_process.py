"""`python -m bench.feeds_process SOCKET CORE`: the real feeds worker on one core, with a line for the bench beside it.

The worker is wired and run as its service does it. The line makes readers active without asking the index for each (what arrives then
fills their timelines), waits for offsets, and tells memory and processor time. An echo RPC behind the same interceptors is the
ceiling of the server's answers.
"""

import asyncio
import base64
import gc
import json
import os
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

import grpc
import numpy as np
from aiokafka import AIOKafkaProducer
from sluice.feed.v1 import feed_service_pb2 as pb

from bench.cores import bind
from bench.engines import activate_all, names_followed
from bench.population import Spec
from services.cli.processes import resident_bytes
from services.contracts.topics import FEEDS_DLQ, RELATIONS
from services.runtime.bulk_read import partitions_of
from services.runtime.lifecycle import run_service
from services.runtime.metrics import FEEDS_DELIVERIES, FEEDS_PAGES
from services.runtime.settings import Settings
from services.runtime.settings_loading import load_settings
from services.runtime.telemetry import configure_logging
from services.stream.feeds.worker import FeedsWorker

ECHO = "/bench.EchoService/Echo"
_ACTIVATED_AT_ONCE = 500
_LINE = 64 * 1024 * 1024


class Echo:
    """Answers every request of GetFeed's type with the same bytes; writes a bare record before it does, if it has one."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.answer = b""
        self.record = b""
        self._producer = producer

    async def echo(self, request: pb.GetFeedRequest, context: Any) -> bytes:
        """Return the bytes, as a servicer that has nothing to do."""
        del request, context
        if self.record:
            await self._producer.send_and_wait(FEEDS_DLQ.name, self.record)
        return self.answer

    def add_to_server(self, servicer: "Echo", server: Any) -> None:
        """Be what the generated `add_…_to_server` are."""
        handler: Any = grpc.unary_unary_rpc_method_handler(servicer.echo, request_deserializer=pb.GetFeedRequest.FromString)
        _, service, method = ECHO.split("/")
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))


class Line:
    """What the bench asks of the process: one JSON line in, one out."""

    def __init__(self, worker: FeedsWorker, echo: Echo) -> None:
        self._worker = worker
        self._echo = echo
        # The worker's parts are its own business; the bench looks in.
        self._engine = worker._engine  # noqa: SLF001
        self._broadcast = worker._broadcast  # noqa: SLF001
        self._assigned_at = 0.0
        # By default a signal keeps only a weak reference.
        worker._app.on_partitions_assigned.connect(self._assigned, weak=False)  # noqa: SLF001

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the other side is gone."""
        while line := await reader.readline():
            asked = json.loads(line)
            said = await getattr(self, f"on_{asked.pop('do')}")(**asked)
            writer.write(json.dumps(said).encode() + b"\n")
            await writer.drain()

    async def on_ready(self) -> dict[str, str]:
        """Say what keeps the worker from answering; empty when nothing does."""
        return self._worker._problems()  # noqa: SLF001 - what its probe tells

    async def _assigned(self, *_: object, **__: object) -> None:
        self._assigned_at = time.monotonic()

    async def on_assigned(self) -> dict[str, Any]:
        """Say when partitions were assigned last, 0 before, and which of them are read back."""
        return {"monotonic": self._assigned_at, "owned": sorted(self._worker._state.owned)}  # noqa: SLF001 - as above

    async def on_activate(self, specs: list[dict[str, Any]]) -> int:
        """Make every user of populations active with an empty timeline; return how many that were."""
        followed = names_followed(*(Spec(**spec).build() for spec in specs))
        for first in range(0, len(followed), _ACTIVATED_AT_ONCE):
            some = followed[first : first + _ACTIVATED_AT_ONCE]
            activate_all(self._engine, range(first, first + len(some)), some)
            await asyncio.sleep(0)
        return len(followed)

    async def on_applied(self, ends: dict[str, int], seconds: float) -> dict[str, float]:
        """Return when everything below ends is in the timelines."""
        await self._broadcast.positions.wait({int(partition): end for partition, end in ends.items()}, seconds)
        return await self.on_clock()

    async def on_clock(self) -> dict[str, float]:
        """Return the time, the processor time, how many deliveries and pages there were."""
        pages = sum(
            sample.value for metric in FEEDS_PAGES.collect() for sample in metric.samples if sample.name.endswith("_total")
        )
        return {
            "monotonic": time.monotonic(),
            "processor": time.process_time(),
            "deliveries": FEEDS_DELIVERIES._value.get(),  # noqa: SLF001 - a client has no public getter
            "pages": pages,
        }

    async def on_memory(self) -> dict[str, int]:
        """Return the bytes of the process and of what the engine can tell of itself."""
        engine = self._engine
        gc.collect()
        return {
            "resident": resident_bytes(os.getpid()),
            # With what Python adds to each.
            "bodies": sum(sys.getsizeof(body) for body in engine.table.bodies if body is not None),
            "arrays": engine.timelines.memory + engine.followers.memory + engine.table.memory,
            "entries": int(np.count_nonzero(engine.timelines._ring)),  # noqa: SLF001 - a slot is never 0, an empty place is
            "activities": len(engine.table),
            "readers": len(engine.readers),
        }

    async def on_drop_bodies(self) -> int:
        """Drop every body, as the budget does with those that the index can give again; return how many bytes are left."""
        table = self._engine.table
        kept, table._body_budget = table._body_budget, 0  # noqa: SLF001 - nothing else asks for so little
        table.may_drop(range(1, len(table.bodies)))
        table.trim_bodies(lambda _: False)
        table._body_budget = kept  # noqa: SLF001 - as above
        return table.body_bytes

    async def on_produce(self, size: int) -> int:
        """Let the echo write a record of so many bytes, and wait until it is acknowledged, before each answer."""
        self._echo.record = os.urandom(size)
        return size

    async def on_echo(self, answer: str) -> int:
        """Take what the echo answers, base64."""
        self._echo.answer = base64.b64decode(answer)
        return len(self._echo.answer)


async def serve(settings: Settings, stop: asyncio.Event, socket: str) -> None:
    """Do as `services.stream.feeds.worker.run`, with the line and the echo beside it."""
    partitions = await partitions_of(settings.kafka.security(), RELATIONS.name)
    async with AsyncExitStack() as stack:
        worker = FeedsWorker(settings, len(partitions))
        echo = Echo(worker._producer)  # noqa: SLF001 - the client that the worker writes with
        stack.push_async_callback(worker.close)
        worker._grpc.add(echo.add_to_server, echo)  # noqa: SLF001 - the same server, the same interceptors
        line = await asyncio.start_unix_server(Line(worker, echo).answer, socket, limit=_LINE)
        try:
            await worker.run(stop)
        finally:
            line.close()


def main() -> int:
    """Run on the core that the command line names."""
    socket, core = sys.argv[1:]
    bind((int(core),))
    settings = load_settings()
    configure_logging("feeds", settings.log_level, settings.log_format)
    return run_service(lambda stop: serve(settings, stop, socket))


if __name__ == "__main__":
    sys.exit(main())
