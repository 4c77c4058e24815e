"""A whole service in small: a Faust app and a gRPC server on one event loop. Run by test_faust_worker.

Arguments: bootstrap, app id, topic, gRPC port, file to append handled offsets to, seconds to hold each batch.
"""

import asyncio
import signal
import sys
from pathlib import Path

import grpc.aio
import uvloop
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.runtime.faust_app import FaustSettings, build_app
from services.runtime.faust_batches import Batch, add_batch_agent
from services.runtime.faust_worker import FaustWorker
from services.runtime.kafka_security import KafkaSecurity


class Health(health_pb2_grpc.HealthServicer):
    """Answers from the same loop that runs the agents."""

    def __init__(self, worker: FaustWorker) -> None:
        self.worker = worker

    async def Check(self, request, context):  # noqa: N802 - gRPC's name
        """Say whether the worker is ready."""
        serving = self.worker.ready
        return health_pb2.HealthCheckResponse(
            status=health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        )


async def main(bootstrap: str, app_id: str, topic: str, port: str, journal: str, hold: str) -> None:  # noqa: PLR0917 - argv
    """Serve until SIGTERM, then drain."""
    settings = FaustSettings(
        app_id=app_id,
        kafka=KafkaSecurity(bootstrap),
        instance_id=f"{app_id}-0",
        canonical_url=f"grpc://127.0.0.1:{port}",
        data_dir=Path(journal).parent / "faust",
        batched_topics=frozenset([topic]),
        max_poll_records=10,
        commit_seconds=0.2,
    )
    worker = FaustWorker(build_app(settings))

    async def handle(batch: Batch) -> None:
        write(journal, f"begin {batch.next_offset}")
        await asyncio.sleep(float(hold))
        write(journal, f"end {batch.next_offset}")

    add_batch_agent(worker.app, topic, handle, worker.fail)
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(Health(worker), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await server.start()
    await worker.start()
    try:
        await worker.run(stop)
    finally:
        await server.stop(grace=1)


def write(journal: str, line: str) -> None:
    """Append a line; the file is read by another process."""
    with Path(journal).open("a") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
