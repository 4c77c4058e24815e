"""A gRPC server of one service: TLS, health, reflection, limits, and what happens around every call."""

from collections.abc import Callable, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.runtime.grpc_auth import Authenticate
from services.runtime.grpc_calls import CallInterceptor
from services.runtime.settings import GrpcSettings

_MAX_SEND = 16 * 1024 * 1024
_OPTIONS = (
    # Otherwise two services could listen on one port, each getting some of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_send_message_length", _MAX_SEND),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Clients behind proxies ping while they wait.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
)


class PortUnavailable(OSError):
    """The server can't listen where it should."""


class GrpcServer:
    """Serves servicers on settings.host:port; port 0 takes any free one, see `port` after start().

    authenticate: gives the principal of a bearer token, or raises TokenInvalid; services/runtime/auth.caller() returns it during
    the call. service_names: full names for health and reflection, e.g. `sluice.feed.v1.FeedService`. Health says NOT_SERVING
    until set_serving(True). Messages over settings.max_receive_bytes and calls over settings.max_concurrent_rpcs get
    RESOURCE_EXHAUSTED.
    """

    def __init__(self, settings: GrpcSettings, *, authenticate: Authenticate, service_names: Sequence[str]) -> None:
        self._settings = settings
        self._authenticate = authenticate
        self._service_names = tuple(service_names)
        self._servicers: list[tuple[Callable[[Any, Any], None], Any]] = []
        self._health = health.aio.HealthServicer()
        self._server: Any = None
        self.port = settings.port

    def add(self, add_to_server: Callable[[Any, Any], None], servicer: Any) -> None:
        """Serve servicer; add_to_server is the generated `add_XServicer_to_server`. Call before start()."""
        self._servicers.append((add_to_server, servicer))

    async def start(self) -> None:
        """Listen, not yet serving for health. Raises PortUnavailable, and OSError when a TLS file can't be read."""
        server = grpc.aio.server(
            interceptors=(CallInterceptor(self._authenticate),),
            options=(*_OPTIONS, ("grpc.max_receive_message_length", self._settings.max_receive_bytes)),
            maximum_concurrent_rpcs=self._settings.max_concurrent_rpcs,
        )
        for add_to_server, servicer in self._servicers:
            add_to_server(servicer, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((*self._service_names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        await self.set_serving(serving=False)
        self.port = self._listen(server)
        await server.start()
        self._server = server

    async def set_serving(self, serving: bool) -> None:  # noqa: FBT001 - the one thing it is about
        """Tell load balancers whether to send calls here. Calls are answered either way."""
        state = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._service_names):
            await self._health.set(name, state)

    async def stop(self, grace_s: float = 10.0) -> None:
        """Take no new calls, let those under way end within grace_s seconds, then cancel them. Repeatable."""
        server, self._server = self._server, None
        if server is not None:
            await self._health.enter_graceful_shutdown()
            await server.stop(grace_s)

    def _listen(self, server: Any) -> int:
        address = f"{self._settings.host}:{self._settings.port}"
        credentials = self._credentials()
        try:
            if credentials is None:
                return int(server.add_insecure_port(address))
            return int(server.add_secure_port(address, credentials))
        except RuntimeError:
            raise PortUnavailable(f"can't listen on {address}: is the port taken?") from None

    def _credentials(self) -> grpc.ServerCredentials | None:
        cert, key, client_ca = self._settings.tls_cert, self._settings.tls_key, self._settings.tls_client_ca
        if cert is None or key is None:
            return None
        return grpc.ssl_server_credentials(
            [(key.read_bytes(), cert.read_bytes())],
            root_certificates=client_ca.read_bytes() if client_ca else None,
            require_client_auth=client_ca is not None,
        )
