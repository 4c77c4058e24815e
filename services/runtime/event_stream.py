"""Server-sent events of an open response, each within bounds."""

from collections.abc import AsyncIterator

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError

from services.runtime.body_limit import bounded_events
from services.runtime.fetch_errors import BodyUndecodable, NotAnEventStream


async def events_of(response: httpx.Response, max_bytes: int) -> AsyncIterator[ServerSentEvent]:
    """Yield events until the server ends the stream. max_bytes: of one event. Raises FetchError."""
    host = response.request.url.host
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise BodyUndecodable(f"{host} compresses its event stream though it was asked not to")
    bounded = httpx.Response(response.status_code, headers=response.headers, stream=_Bounded(response, max_bytes))
    try:
        async for event in EventSource(bounded).aiter_sse():
            yield event
    except SSEError:
        raise NotAnEventStream(f"{host} answered with something else than an event stream") from None


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, response: httpx.Response, max_bytes: int) -> None:
        self._response, self._max_bytes = response, max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in bounded_events(self._response.aiter_raw(), self._max_bytes):
            yield chunk
