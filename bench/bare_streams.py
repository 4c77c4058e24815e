"""`python -m bench.bare_streams PORT CORE`: a bare grpc.aio server whose streams say one message and then nothing."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc

from bench.cores import bind

METHOD = "/bench.BareService/Watch"


async def _watch(request: bytes, context: Any) -> AsyncIterator[bytes]:
    del context
    yield request
    await asyncio.Event().wait()


async def _serve(port: int) -> None:
    server = grpc.aio.server()
    _, service, method = METHOD.split("/")
    handler: Any = grpc.unary_stream_rpc_method_handler(_watch)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def main() -> int:
    """Serve until it is terminated."""
    port, core = sys.argv[1:]
    bind((int(core),))
    asyncio.run(_serve(int(port)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
