import asyncio
import os
import re
import signal
import sys

import aiohttp
import grpc
from sluice.activity.v1 import activity_pb2 as activity_pb
from sluice.ingest.v1 import publish_service_pb2 as pb
from sluice.ingest.v1 import publish_service_pb2_grpc as pb_grpc

from services.contracts.codec import activity_from_bytes
from services.contracts.topics import ACTIVITIES_RAW
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.embedded import free_port
from services.runtime.token_issuer import EmbeddedIssuer

SECRET_WORDS = "pssst: the merger"


async def start(tmp_path, **settings):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    environment |= {"SLUICE_DATA_DIR": str(tmp_path), **settings}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.ingest", env=environment, stderr=asyncio.subprocess.PIPE
    )


async def test_what_was_answered_ok_outlives_a_sigterm_in_the_middle(own_kafka, tmp_path):
    """The service stops under load with exit code 0, has Kafka's word for every OK, and has written down nobody's."""
    grpc_port, ops_port = free_port(), free_port()
    issuer = EmbeddedIssuer.in_folder(tmp_path)
    issuer.ensure_key()
    metadata = (("authorization", f"Bearer {issuer.issue('anna', employee=True)}"),)
    process = await start(
        tmp_path,
        SLUICE_KAFKA__BOOTSTRAP_SERVERS=own_kafka.bootstrap,
        SLUICE_GRPC__PORT=str(grpc_port),
        SLUICE_HTTP__PORT="0",
        SLUICE_OPS__PORT=str(ops_port),
        SLUICE_LOG_LEVEL="debug",
    )
    written = asyncio.create_task(process.stderr.read())
    await ready(ops_port, process)
    answered, enough = set(), asyncio.Event()

    async def keep_publishing(stub, worker):
        for number in range(100_000):
            activity = activity_pb.Activity(verb=activity_pb.VERB_POST, object={"content": SECRET_WORDS})
            try:
                request = pb.PublishRequest(activity=activity, request_id=f"{worker}-{number}")
                answered.add((await stub.Publish(request, metadata=metadata)).id)
            except grpc.aio.AioRpcError:
                return
            if len(answered) > 200:
                enough.set()

    async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel, asyncio.timeout(60):
        stub = pb_grpc.PublishServiceStub(channel)
        workers = [asyncio.create_task(keep_publishing(stub, worker)) for worker in range(8)]
        await enough.wait()
        process.send_signal(signal.SIGTERM)
        await asyncio.gather(*workers)
        assert await process.wait() == 0
    kept = set()
    await bulk_read(
        own_kafka,
        await partitions_of(own_kafka, ACTIVITIES_RAW.name),
        lambda _, records: kept.update(activity_from_bytes(record.value).id for record in records),
    )
    assert answered <= kept
    log = (await written).decode()
    assert "stopped" in log
    assert SECRET_WORDS not in log
    assert not re.search(r"eyJ[\w-]+\.", log), "a token"


async def ready(port, process):
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        while process.returncode is None:
            try:
                async with session.get(f"http://127.0.0.1:{port}/readyz") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)
    raise AssertionError(f"left with code {process.returncode}")


async def test_a_mistake_in_the_sources_file_is_said_at_the_start(tmp_path):
    """Exit code 2 and a sentence, not a trace."""
    (tmp_path / "sources.toml").write_text('[[sources]]\nid = "blog"\nkind = "rss"\nurl = "https://blog.example"\n')
    process = await start(tmp_path)
    _, written = await process.communicate()
    assert process.returncode == 2
    assert written.decode() == "source 1 (blog): audience is missing\n"


async def test_without_kafka_it_waits_unready_and_still_stops(tmp_path):
    """The broker may come up later than its clients."""
    ops_port = free_port()
    process = await start(
        tmp_path,
        SLUICE_KAFKA__BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port()}",
        SLUICE_OPS__PORT=str(ops_port),
    )
    async with aiohttp.ClientSession() as session, asyncio.timeout(40):
        problems = {}
        while "kafka" not in problems:
            try:
                async with session.get(f"http://127.0.0.1:{ops_port}/readyz") as response:
                    assert response.status == 503
                    problems = (await response.json())["problems"]
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0
