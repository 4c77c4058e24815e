"""httpx on connections that the address guard made."""

from collections.abc import AsyncIterable, AsyncIterator
from types import TracebackType
from typing import Self

import httpcore
import httpx

from services.runtime.address_guard import AddressPolicy, GuardedBackend
from services.runtime.fetch_errors import ConnectionFailed, FetchTimeout

_MOST_CONNECTIONS = 200
_KEPT = 20
_KEPT_S = 15.0


class GuardedTransport(httpx.AsyncBaseTransport):
    """One pool under one policy. It follows no redirects, keeps no cookies and reads no proxy settings."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_KEPT_S,
            network_backend=GuardedBackend(policy),
        )

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._pool.__aexit__(exc_type, exc_value, traceback)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, return the response with its body unread. Raises FetchError."""
        host = request.url.host
        inner = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            response = await self._pool.handle_async_request(inner)
        except httpcore.TimeoutException:
            raise FetchTimeout(f"{host} did not answer in time") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise ConnectionFailed(f"{host}: {type(error).__name__}") from None
        if not isinstance(response.stream, AsyncIterable):
            raise TypeError("the pool is asynchronous, so its streams are")
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response.stream, host),
            extensions=response.extensions,
            request=request,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: AsyncIterable[bytes], host: str) -> None:
        self._stream, self._host = stream, host

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except httpcore.TimeoutException:
            raise FetchTimeout(f"{self._host} stopped sending") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise ConnectionFailed(f"{self._host}: {type(error).__name__}") from None

    async def aclose(self) -> None:
        if hasattr(self._stream, "aclose"):
            await self._stream.aclose()
