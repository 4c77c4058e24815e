import socket

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from services.runtime.ops_server import OpsServer


@pytest.fixture
async def ops():
    """Return what starts an ops server with changeable checks."""
    started = []

    async def start(**options):
        server = OpsServer("127.0.0.1", 0, options.pop("readiness", dict), **options)
        await server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        await server.stop()


async def get(server, path):
    """Return status and body."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{server.port}{path}") as response:
        return response.status, await (response.json() if "json" in response.content_type else response.text())


async def test_ready_follows_the_checks_and_says_what_is_missing(ops):
    problems = {"kafka": "broker away"}
    server = await ops(readiness=lambda: problems)
    assert await get(server, "/readyz") == (503, {"ready": False, "problems": {"kafka": "broker away"}})
    problems.clear()
    assert await get(server, "/readyz") == (200, {"ready": True, "problems": {}})


async def test_alive_does_not_depend_on_ready(ops):
    """A process that waits for Kafka must not be restarted for it."""
    server = await ops(readiness=lambda: {"kafka": "away"})
    assert (await get(server, "/livez"))[0] == 200


async def test_a_watchdog_can_ask_for_a_restart(ops):
    server = await ops(liveness=lambda: {"loop": "stuck"})
    assert await get(server, "/livez") == (503, {"alive": False, "problems": {"loop": "stuck"}})


async def test_a_check_that_raises_means_not_ready_and_tells_no_text(ops):
    def broken():
        raise ValueError("somebody's words")

    server = await ops(readiness=broken)
    assert await get(server, "/readyz") == (503, {"ready": False, "problems": {"check": "failed with ValueError"}})


async def test_metrics_are_served_as_prometheus_reads_them(ops):
    registry = CollectorRegistry()
    Counter("things_total", "Things.", registry=registry).inc(3)
    status, text = await get(await ops(registry=registry), "/metrics")
    assert status == 200
    assert "things_total 3.0" in text


async def test_a_taken_port_is_an_error_at_start():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        server = OpsServer("127.0.0.1", other.getsockname()[1], dict)
        with pytest.raises(OSError, match="in use"):
            await server.start()
        await server.stop()
