"""The HTTP door: channels post to /inbox/{source id}. 202 means that Kafka has acknowledged what was posted.

Statuses: 202 all taken, 207 some refused (each is named), 400 nothing could be taken, 401 signature, 404 no such inbox, 408 too
slow, 413 too large, 415 compressed, 429 too much, 503 Kafka is away. Errors are {"error": {"code", "message"}}. What is refused
isn't kept: the sender knows, and it is still the sender's.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web

from services.contracts.errors import SluiceError
from services.ingest.acceptance import Accepted, accept
from services.ingest.cursors import Cursors
from services.ingest.limits import InFlight, RateLimit
from services.ingest.publisher import ActivityPublisher, Published
from services.ingest.source import MalformedPayload, ReceivingConnector, Rejection, SignatureInvalid, SourceConfig
from services.runtime import metrics

MAX_BODY_BYTES = 1_048_576
_BODY_S = 15.0
_STATUSES = {"UNAVAILABLE": 503, "RESOURCE_EXHAUSTED": 429}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Received:
    """A source that posts to us."""

    config: SourceConfig
    connector: ReceivingConnector


class _Refused(Exception):
    """The post as a whole can't be taken."""

    def __init__(self, status: int, code: str, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after_s = status, code, message, retry_after_s


class Inbox:
    """Verifies, maps, accepts and publishes what is posted. now_s: seconds since the epoch."""

    def __init__(
        self,
        sources: Mapping[str, Received],
        publisher: ActivityPublisher,
        cursors: Cursors,
        *,
        rate: RateLimit,
        in_flight: InFlight,
        now_s: Callable[[], float],
    ) -> None:
        self._sources = sources
        self._publisher = publisher
        self._cursors = cursors
        self._rate = rate
        self._in_flight = in_flight
        self._now_s = now_s

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/inbox/{source_id}", self._post)
        return app

    async def _post(self, request: web.Request) -> web.Response:
        source_id = request.match_info["source_id"]
        try:
            return await self._take(source_id, request)
        except Exception as error:  # noqa: BLE001 - a sender's bytes must not bring a stack trace back to it
            refused = _refusal(error)
        metrics.INBOX_REFUSED.labels(refused.code).inc()
        return _answer(refused)

    async def _take(self, source_id: str, request: web.Request) -> web.Response:
        source = self._sources.get(source_id)
        if source is None:
            raise _Refused(404, "NO_SUCH_INBOX", "there is no such inbox")
        body = await _body(request)
        now_s = self._now_s()
        try:
            source.connector.verify(request.headers, body, source.config, now_s=now_s)
        except SignatureInvalid:
            raise _Refused(401, "SIGNATURE_INVALID", "the signature is missing, wrong or too old") from None
        accepted, rejections = self._accept(source, body, request.content_type, int(now_s * 1000))
        self._rate.take(source.config.id, len(accepted) or 1)
        with self._in_flight.of(len(accepted)):
            published = await self._publisher.publish(accepted)
        self._cursors.count(source.config.id, accepted=len(accepted), rejected=len(rejections))
        for rejection in rejections:
            metrics.INGEST_REJECTED.labels(source.config.kind, rejection.reason).inc()
        return _report(accepted, published, rejections)

    def _accept(self, source: Received, body: bytes, content_type: str, now_ms: int) -> tuple[list[Accepted], list[Rejection]]:
        try:
            mapped = source.connector.map_payload(body, source.config, content_type=content_type)
        except MalformedPayload as error:
            raise _Refused(400, error.reason, str(error)) from None
        outcomes = [accept(activity, now_ms=now_ms) for activity in mapped.activities]
        rejections = list(mapped.rejections) + [outcome for outcome in outcomes if isinstance(outcome, Rejection)]
        return [outcome for outcome in outcomes if isinstance(outcome, Accepted)], rejections


def _refusal(error: Exception) -> _Refused:
    if isinstance(error, _Refused):
        return error
    if isinstance(error, SluiceError) and error.status in _STATUSES:
        return _Refused(_STATUSES[error.status], error.reason, str(error), retry_after_s=error.retry_after_s)
    log.error("inbox failed", exc_info=error)
    return _Refused(500, "INTERNAL", "the server made a mistake; sending again may help")


async def _body(request: web.Request) -> bytes:
    """Read the body as it was signed. What says of itself that it is too large isn't read at all."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _Refused(415, "ENCODING_UNSUPPORTED", "the signature covers the body as it is sent; send it uncompressed")
    too_large = _Refused(413, "BODY_TOO_LARGE", f"a post has at most {MAX_BODY_BYTES} bytes")
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise too_large
    try:
        async with asyncio.timeout(_BODY_S):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large from None
    except TimeoutError:
        raise _Refused(408, "BODY_TOO_SLOW", f"the body did not arrive in {_BODY_S:.0f} s") from None


def _report(accepted: list[Accepted], published: list[Published], rejections: list[Rejection]) -> web.Response:
    taken = [
        {"id": place.id, "native_id": item.activity.source.native_id} for item, place in zip(accepted, published, strict=True)
    ]
    refused = [
        {"native_id": rejection.native_id, "code": rejection.reason, "message": rejection.detail} for rejection in rejections
    ]
    report: dict[str, Any] = {"accepted": taken, "rejected": refused}
    if not refused:
        return web.json_response(report, status=202)
    if taken:
        return web.json_response(report, status=207)
    first = rejections[0]
    return web.json_response(report | {"error": {"code": first.reason, "message": first.detail}}, status=400)


def _answer(refused: _Refused) -> web.Response:
    response = web.json_response({"error": {"code": refused.code, "message": refused.message}}, status=refused.status)
    if refused.retry_after_s:
        response.headers["Retry-After"] = str(math.ceil(refused.retry_after_s))
    if refused.status in (408, 413):
        # The rest of the body is still on its way; nobody will read it.
        response.force_close()
    return response
