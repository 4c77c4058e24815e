"""Channels to other gRPC services, as all of ours open them."""

import json
from pathlib import Path

import grpc

_MAX_RECEIVE = 64 * 1024 * 1024
# gRPC retries only until the call's deadline, and not once a server has begun to answer.
_RETRY = {
    "maxAttempts": 3,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_AGAIN = (("grpc.service_config", json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": _RETRY}]})),)
_ONCE = (("grpc.enable_retries", 0),)
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_RECEIVE),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # The default waits up to two minutes before it looks again for a server that restarted.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


def open_channel(address: str, *, tls_ca: Path | None = None, again: bool = True) -> grpc.aio.Channel:
    """Return a channel to address (`host:port`); it connects at the first call. Close it with `await channel.close()`.

    tls_ca: the authority of the server's certificate; None: without TLS. Calls that end UNAVAILABLE are made up to three times within
    their deadline, so that a restart is hardly seen: give each call a `timeout`. again=False leaves that to the caller, who may know
    somebody else to ask. Raises OSError when tls_ca can't be read.
    """
    options = (*_OPTIONS, *(_AGAIN if again else _ONCE))
    if tls_ca is None:
        return grpc.aio.insecure_channel(address, options=options)
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(tls_ca.read_bytes()), options=options)
