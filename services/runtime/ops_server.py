"""The operators' HTTP server of a process: /metrics, /livez and /readyz."""

from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client import REGISTRY as DEFAULT_REGISTRY

Check = Callable[[], Mapping[str, str]]


def nothing_wrong() -> Mapping[str, str]:
    """Return no problem."""
    return {}


class OpsServer:
    """Answers /metrics (Prometheus), /livez and /readyz on host:port; port 0 takes any free one, see `port` after start().

    readiness: what keeps the process from doing its work now, as {check: reason}; empty when ready. 503 takes it out of service.
    liveness: what only a restart mends; empty normally. 503 gets the process restarted, so it never asks about other systems.
    Reasons are for operators and carry nobody's content. A check that raises counts as failed, with the error's type as reason.
    """

    def __init__(
        self,
        host: str,
        port: int,
        readiness: Check,
        *,
        liveness: Check = nothing_wrong,
        registry: CollectorRegistry = DEFAULT_REGISTRY,
    ) -> None:
        self._host = host
        self.port = port
        self._readiness = readiness
        self._liveness = liveness
        self._registry = registry
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self.port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening. Repeatable."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _livez(self, _request: web.Request) -> web.Response:
        return _answer("alive", _problems(self._liveness))

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _answer("ready", _problems(self._readiness))


def _problems(check: Check) -> dict[str, str]:
    try:
        return dict(check())
    except Exception as error:  # noqa: BLE001 - a broken check means not ready, not an error page
        return {"check": f"failed with {type(error).__name__}"}


def _answer(name: str, problems: dict[str, str]) -> web.Response:
    return web.json_response({name: not problems, "problems": problems}, status=503 if problems else 200)
