import asyncio
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc.aio
import pytest
from aiokafka.errors import KafkaError
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.runtime.embedded import free_port
from services.runtime.faust_app import build_app
from services.runtime.faust_batches import add_batch_agent
from services.runtime.faust_worker import FaustWorker
from services.runtime.kafka_security import KafkaSecurity
from tests.integration.runtime.kafka_steps import committed, produce, until, until_saved

PROGRAM = Path(__file__).with_name("worker_process.py")


class Service:
    """A worker process, its journal and its gRPC port; started again under the same names."""

    def __init__(self, bootstrap, unique, topic, folder):
        self.app_id, self.port, self.journal = f"{unique}-app", free_port(), folder / "journal"
        self.arguments = [bootstrap, self.app_id, topic, str(self.port), str(self.journal)]
        self.process = None

    def start(self, hold=0.0):
        """Start the process; every batch takes hold seconds."""
        command = [sys.executable, str(PROGRAM), *self.arguments, str(hold)]
        self.process = subprocess.Popen(command)

    def lines(self):
        """Return what the handlers wrote so far."""
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    def end(self, how):
        """Send a signal and return the exit code."""
        self.process.send_signal(how)
        return self.process.wait(20)

    async def serving(self):
        """Ask over gRPC whether the worker is ready; False while nobody answers."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            try:
                answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
            except grpc.aio.AioRpcError:
                return False
        return answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
async def service(embedded, kafka, make_topic, unique, tmp_path):
    """Make a service that is not started; it is killed at the end if need be."""
    service = Service(embedded.bootstrap, unique, await make_topic(kafka), tmp_path)
    service.topic = service.arguments[2]
    yield service
    if service.process is not None and service.process.poll() is None:
        service.process.kill()
        service.process.wait()


async def until_serving(service, seconds=20.0):
    """Wait until the service answers that it is ready, and return how long that took."""
    begin = time.monotonic()
    while not await service.serving():
        assert service.process.poll() is None, "the service left"
        assert time.monotonic() - begin < seconds, f"not serving within {seconds} s"
        await asyncio.sleep(0.02)
    return time.monotonic() - begin


async def test_grpc_and_faust_share_a_loop_and_sigterm_drains(service, kafka):
    """A gRPC call is answered while a batch is in hand; SIGTERM lets that batch finish, commits it, and exits with 0."""
    await produce(kafka, service.topic, [b"%d" % n for n in range(10)])
    service.start(hold=2.0)
    await until(lambda: "begin 10" in service.lines())
    assert await service.serving()
    assert "end 10" not in service.lines(), "the gRPC call must have been answered while the batch was in hand"
    assert service.end(signal.SIGTERM) == 0
    assert service.lines() == ["begin 10", "end 10"]
    assert await committed(kafka, service.app_id, service.topic) == {0: 10}


async def test_killed_worker_is_back_within_ten_seconds_and_repeats_only_the_uncommitted(service, kafka):
    """With static membership a successor gets the dead one's partitions at once, from the committed position."""
    await produce(kafka, service.topic, [b"%d" % n for n in range(10)])
    service.start()
    await until(lambda: "end 10" in service.lines())
    deadline = time.monotonic() + 10
    while await committed(kafka, service.app_id, service.topic) != {0: 10}:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    service.end(signal.SIGKILL)
    await produce(kafka, service.topic, [b"%d" % n for n in range(10)])

    begin = time.monotonic()
    service.start()
    await until(lambda: "end 20" in service.lines(), 20)
    back = time.monotonic() - begin
    print(f"\nback after {back:.1f} s, including the start of Python")  # noqa: T201 - the figure is of interest
    assert back < 10
    assert service.lines().count("end 10") == 1
    assert service.end(signal.SIGTERM) == 0


async def test_worker_killed_in_the_middle_of_a_batch_repeats_it(service, kafka):
    """What was in hand when the process died is handled again by its successor."""
    await produce(kafka, service.topic, [b"a"])
    service.start(hold=60.0)
    await until(lambda: "begin 1" in service.lines())
    service.end(signal.SIGKILL)
    service.start(hold=0.0)
    await until(lambda: "end 1" in service.lines())
    assert service.lines() == ["begin 1", "begin 1", "end 1"]
    assert service.end(signal.SIGTERM) == 0


async def test_worker_goes_on_after_the_broker_was_killed_and_restarted(own_server, faust_settings, make_topic):
    """A broker that comes back needs no restart of the workers, and no acknowledged record is lost."""
    security = KafkaSecurity(own_server.bootstrap)
    topic, seen = await make_topic(security), []
    await produce(security, topic, [b"before"])

    async def handle(batch):
        seen.extend(record.value for record in batch.records)

    worker = FaustWorker(build_app(faust_settings(topic, security=security)))
    add_batch_agent(worker.app, topic, handle, worker.fail)
    await worker.start()
    await until(lambda: b"before" in seen)
    await until_saved(own_server)
    own_server.kill()
    own_server.start()
    await produce(security, topic, [b"after"])
    begin = time.monotonic()
    await until(lambda: b"after" in seen, 30)
    print(f"\nwent on {time.monotonic() - begin:.1f} s after the broker's return")  # noqa: T201 - of interest
    await worker.stop()


async def test_stop_ends_although_the_broker_is_gone(own_server, faust_settings, make_topic):
    """A service must be stoppable while Kafka is away; what could not be committed is read again."""
    security = KafkaSecurity(own_server.bootstrap)
    topic, seen = await make_topic(security), []
    await produce(security, topic, [b"a"])

    async def handle(batch):
        seen.extend(batch.records)

    worker = FaustWorker(build_app(faust_settings(topic, security=security, commit_seconds=1000.0)), drain_seconds=1.0)
    add_batch_agent(worker.app, topic, handle, worker.fail)
    before = set(threading.enumerate())
    await worker.start()
    await until(lambda: seen)
    own_server.kill()
    begin = time.monotonic()
    await worker.stop()
    assert time.monotonic() - begin < 20
    await until(lambda: set(threading.enumerate()) <= before, 10)


async def test_a_worker_that_fell_out_of_its_group_ends(kafka, faust_settings, make_topic):
    """What aiokafka can't deal with it keeps for a caller that Faust isn't; a worker that runs on hears nothing, for ever."""
    topic = await make_topic(kafka)

    async def handle(_batch):
        raise AssertionError("nothing can come")

    worker = FaustWorker(build_app(faust_settings(topic)))
    add_batch_agent(worker.app, topic, handle, worker.fail)
    await worker.start()
    assert worker.ready

    async def refuse():
        raise KafkaError("what nobody foresaw")

    worker.app.consumer._thread._consumer._coordinator._do_heartbeat = refuse
    with pytest.raises(RuntimeError, match="what nobody foresaw"):
        await asyncio.wait_for(worker.run(asyncio.Event()), 20)


async def test_start_fails_when_no_broker_answers(faust_settings):
    """A worker without a broker says so instead of waiting for ever."""
    worker = FaustWorker(build_app(faust_settings("topic", security=KafkaSecurity(f"127.0.0.1:{free_port()}"))))

    async def handle(_batch):
        raise AssertionError("nothing can come")

    add_batch_agent(worker.app, "topic", handle, worker.fail)
    with pytest.raises(Exception, match=r"(?i)connect|start"):
        await worker.start(timeout=5)
    assert not worker.ready
