"""The one way out: everything fetched by URL goes through this client."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from httpx_sse import ServerSentEvent

from services.runtime.address_guard import AddressPolicy, is_public
from services.runtime.body_limit import ACCEPTED_ENCODINGS, read_bounded
from services.runtime.event_stream import events_of
from services.runtime.fetch_errors import FetchTimeout, TooManyRedirects, UnexpectedStatus
from services.runtime.guarded_transport import GuardedTransport
from services.runtime.redirects import FOLLOWED, Hop, retry_after_s
from services.runtime.settings import FetchSettings

USER_AGENT = "Sluice/0.1 (activity stream platform)"
MEBIBYTE = 1024 * 1024
_OK = 200
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """max_bytes: of a body or an event, after decompression. Times in seconds: connecting, between two reads, a whole fetch."""

    max_bytes: int = 5 * MEBIBYTE
    max_redirects: int = 5
    connect_s: float = 10.0
    read_s: float = 30.0
    total_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whole. headers: their case is ignored. url: where it came from in the end.

    permanent_url: where to ask from now on, if only permanent redirects led there; otherwise empty.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    permanent_url: str = ""

    def unexpected(self, now_s: float) -> UnexpectedStatus:
        """Return the error for a status that the caller can't work with, with the wait that was asked for. now_s: Unix time."""
        return UnexpectedStatus(self.status, httpx.URL(self.url).host, retry_after_s=retry_after_s(self.headers, now_s))


class GuardedClient:
    """Fetches from the internet and from what policy allows besides. Make it inside a running event loop; close it at the end.

    Every method raises FetchError. No cookies are kept, no proxy settings of the environment are read. A redirect to a host of
    the allow-list is followed only from inside: a feed on the internet can't make us ask the intranet.
    """

    def __init__(
        self, policy: AddressPolicy | None = None, limits: FetchLimits | None = None, user_agent: str = USER_AGENT
    ) -> None:
        self._configured = GuardedTransport(policy or AddressPolicy())
        self._foreign = GuardedTransport(AddressPolicy())
        self._limits = limits or FetchLimits()
        self._user_agent = user_agent

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._configured.aclose()
        await self._foreign.aclose()

    async def get(self, url: str, headers: Mapping[str, str] | None = None, max_bytes: int | None = None) -> Response:
        """Return the answer, whatever its status, after redirects. Only harmless headers go to another origin."""
        hop = Hop.first(url, headers or {})
        return await self._in_time(self._follow(hop, max_bytes or self._limits.max_bytes), hop)

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str] | None = None, max_bytes: int | None = None
    ) -> Response:
        """Return the answer, whatever its status. A redirect is an answer: a body goes only where it was meant to go."""
        hop = Hop.first(url, headers or {})
        response, _ = await self._in_time(self._once(hop, max_bytes or self._limits.max_bytes, "POST", body), hop)
        return response

    @asynccontextmanager
    async def events(
        self, url: str, headers: Mapping[str, str] | None = None, *, silence_s: float = 60.0
    ) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
        """Open a stream of server-sent events; it ends when the server ends it. Redirects are not followed.

        silence_s: how long nothing, not even a heartbeat, may come before FetchTimeout. Raises UnexpectedStatus, NotAnEventStream.
        """
        hop = Hop.first(url, {**(headers or {}), "Accept": "text/event-stream", "Cache-Control": "no-store"})
        request = self._request(hop, "GET", None, encodings="identity", read_s=silence_s)
        response = await self._in_time(self._configured.handle_async_request(request), hop)
        try:
            if response.status_code != _OK:
                wait_s = retry_after_s(response.headers, time.time())
                raise UnexpectedStatus(response.status_code, hop.url.host, retry_after_s=wait_s)
            yield events_of(response, self._limits.max_bytes)
        finally:
            await response.aclose()

    async def _follow(self, hop: Hop, max_bytes: int) -> Response:
        for _ in range(self._limits.max_redirects + 1):
            response, inside = await self._once(hop, max_bytes, "GET", None)
            location = response.headers.get("location", "")
            if response.status not in FOLLOWED or not location:
                return response
            hop = hop.next(response.status, location, inside=inside)
        raise TooManyRedirects(f"more than {self._limits.max_redirects} redirects, the last one to {hop.url.host}")

    async def _once(self, hop: Hop, max_bytes: int, method: str, body: bytes | None) -> tuple[Response, bool]:
        """Return the answer and whether it came from an address that isn't on the internet."""
        transport = self._foreign if hop.foreign else self._configured
        request = self._request(hop, method, body, encodings=ACCEPTED_ENCODINGS, read_s=self._limits.read_s)
        answer = await transport.handle_async_request(request)
        inside = _from_inside(answer)
        try:
            content = await read_bounded(answer.aiter_raw(), answer.headers.get("content-encoding", ""), max_bytes)
        finally:
            await answer.aclose()
        response = Response(answer.status_code, answer.headers, content, str(hop.url), str(hop.url) if hop.moved else "")
        return response, inside

    def _request(self, hop: Hop, method: str, body: bytes | None, *, encodings: str, read_s: float) -> httpx.Request:
        connect_s = self._limits.connect_s
        return httpx.Request(
            method,
            hop.url,
            headers={"User-Agent": self._user_agent, **hop.headers, "Accept-Encoding": encodings},
            content=body,
            extensions={"timeout": {"connect": connect_s, "pool": connect_s, "write": self._limits.read_s, "read": read_s}},
        )

    async def _in_time(self, work: Coroutine[Any, Any, _T], hop: Hop) -> _T:
        try:
            async with asyncio.timeout(self._limits.total_s):
                return await work
        except TimeoutError:
            raise FetchTimeout(f"{hop.url.host} took longer than {self._limits.total_s} s") from None


def _from_inside(answer: httpx.Response) -> bool:
    """Return whether the peer is not on the internet; an unknown peer counts as outside."""
    peer = answer.extensions["network_stream"].get_extra_info("server_addr")
    return bool(peer) and not is_public(ip_address(peer[0]))


def guarded_client(settings: FetchSettings) -> GuardedClient:
    """Return the client that settings describe. Call it inside a running event loop."""
    limits = FetchLimits(
        max_bytes=settings.max_body_bytes,
        connect_s=settings.connect_timeout_s,
        read_s=settings.read_timeout_s,
        total_s=settings.total_timeout_s,
    )
    return GuardedClient(AddressPolicy.allowing(settings.allowed_hosts, settings.allowed_networks), limits)
