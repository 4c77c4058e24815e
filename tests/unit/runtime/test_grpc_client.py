import asyncio
import datetime as dt
import ipaddress

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.runtime.grpc_client import open_channel
from services.runtime.grpc_server import GrpcServer
from services.runtime.settings import GrpcSettings


async def nobody(token):
    """Know nobody."""
    raise AssertionError(token)


class Server:
    """Answers after failing a number of times."""

    def __init__(self, port=0, failures=0):
        self.calls = 0
        self._failures = failures
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        handler = grpc.unary_unary_rpc_method_handler(self._answer)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", {"M": handler}),))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    async def _answer(self, request, context):
        self.calls += 1
        if self.calls <= self._failures:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        return request

    async def __aenter__(self):
        await self._server.start()
        return self

    async def __aexit__(self, *_):
        await self._server.stop(0)


@pytest.fixture
async def call():
    """Return what calls through a channel of ours."""
    channels = {}

    async def call(port, **options):
        channel = channels.setdefault(port, open_channel(f"127.0.0.1:{port}"))
        return await channel.unary_unary("/t.T/M")(b"x", timeout=5, **options)

    yield call
    for channel in channels.values():
        await channel.close()


async def test_a_call_that_finds_a_server_restarting_is_made_again(call):
    async with Server(failures=2) as server:
        assert await call(server.port) == b"x"
        assert server.calls == 3


async def test_a_server_that_stays_unavailable_is_told(call):
    async with Server(failures=99) as server:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(server.port)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert server.calls == 3


async def test_a_server_that_comes_back_is_found_within_seconds(call):
    async with Server() as server:
        port = server.port
        await call(port)
    for _ in range(5):
        with pytest.raises(grpc.aio.AioRpcError):
            await call(port)
    async with Server(port):
        assert await asyncio.wait_for(call(port, wait_for_ready=True), 3) == b"x"


@pytest.fixture
def certificate(tmp_path):
    """Return files of a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(*pem))
    return cert_file, key_file


async def check(channel):
    """Ask for the server's health."""
    try:
        return (await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)).status
    finally:
        await channel.close()


async def test_with_tls_the_server_proves_itself_and_plain_calls_get_nothing(certificate):
    cert, key = certificate
    server = GrpcServer(GrpcSettings(port=0, tls_cert=cert, tls_key=key), authenticate=nobody, service_names=())
    await server.start()
    try:
        address = f"127.0.0.1:{server.port}"
        assert await check(open_channel(address, tls_ca=cert)) == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError):
            await check(open_channel(address))
    finally:
        await server.stop(0)


async def test_a_server_may_ask_its_clients_for_certificates(certificate):
    cert, key = certificate
    settings = GrpcSettings(port=0, tls_cert=cert, tls_key=key, tls_client_ca=cert)
    server = GrpcServer(settings, authenticate=nobody, service_names=())
    await server.start()
    try:
        with pytest.raises(grpc.aio.AioRpcError):
            await check(open_channel(f"127.0.0.1:{server.port}", tls_ca=cert))
    finally:
        await server.stop(0)


async def test_a_caller_who_knows_somebody_else_to_ask_hears_of_a_failure_at_once():
    async with Server(failures=1) as server:
        channel = open_channel(f"127.0.0.1:{server.port}", again=False)
        with pytest.raises(grpc.aio.AioRpcError):
            await channel.unary_unary("/t.T/M")(b"x", timeout=5)
        await channel.close()
        assert server.calls == 1
