import pytest
from aiohttp import web

from services.runtime.address_guard import AddressPolicy
from services.runtime.http_client import FetchLimits, GuardedClient


@pytest.fixture
async def http():
    """The real client, allowed to reach this machine."""
    async with GuardedClient(
        AddressPolicy.allowing(networks=["127.0.0.0/8"]), FetchLimits(connect_s=5, read_s=5, total_s=10)
    ) as client:
        yield client


@pytest.fixture
async def serve():
    """Return what serves routes on a free port and returns the base URL."""
    runners = []

    async def start(routes):
        app = web.Application()
        app.add_routes(routes)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()
