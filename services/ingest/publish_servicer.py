"""PublishService: rules, acceptance and limits around the publisher. Errors become statuses in the server's one place."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

import structlog
from sluice.ingest.v1 import publish_service_pb2 as pb
from sluice.ingest.v1 import publish_service_pb2_grpc as pb_grpc

from services.contracts.activity import Activity
from services.contracts.codec import activity_from_proto, source_from_proto
from services.contracts.errors import InvalidRequest
from services.contracts.principal import PermissionRefused, Principal
from services.ingest.acceptance import Accepted, accept
from services.ingest.limits import InFlight, RateLimit
from services.ingest.publish_rules import (
    authored,
    check_may_delete_by_id,
    deleted_by_id,
    deleted_by_source,
    groups_to_check,
    refuse_assigned,
)
from services.ingest.publisher import ActivityPublisher, Published
from services.ingest.source import Rejection
from services.ingest.stream_publishing import Fate, StreamPublishing
from services.runtime import metrics
from services.runtime.auth import caller
from services.runtime.grpc_errors import is_known, status_of
from services.runtime.grpc_validation import validate

MAX_STREAM_ITEMS = 10_000
_GRPC = "grpc"

log = structlog.get_logger()


class Membership(Protocol):
    """Who belongs to which group."""

    async def is_member(self, user: str, group: str) -> bool:
        """Return whether user belongs to group. Raises ServiceUnavailable while that isn't known."""


class PublishServicer(pb_grpc.PublishServiceServicer):
    """As proto/sluice/ingest/v1/publish_service.proto says. principal: who calls; now_ms: ms since the epoch."""

    def __init__(
        self,
        publisher: ActivityPublisher,
        membership: Membership,
        *,
        rate: RateLimit,
        in_flight: InFlight,
        now_ms: Callable[[], int],
        principal: Callable[[], Principal] = caller,
    ) -> None:
        self._publisher = publisher
        self._membership = membership
        self._rate = rate
        self._in_flight = in_flight
        self._now_ms = now_ms
        self._principal = principal

    async def Publish(self, request: pb.PublishRequest, _context: Any) -> pb.PublishResponse:  # noqa: N802 - gRPC's name
        """Accept one activity."""
        return _response(*await self._publish([await self._taken(request, self._principal())]))

    async def PublishStream(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[pb.PublishStreamRequest], _context: Any
    ) -> pb.PublishStreamResponse:
        """Accept many; each is published as it comes, a window of them at a time."""
        principal = self._principal()
        results: list[pb.PublishResult | asyncio.Future[Fate]] = []
        async with StreamPublishing(self._publish) as publishing:
            async for item in request_iterator:
                if len(results) == MAX_STREAM_ITEMS:
                    break
                try:
                    validate(item.request)
                    results.append(await publishing.put(await self._taken(item.request, principal)))
                except Exception as error:  # noqa: BLE001 - whatever it is, the item's sender hears of it
                    results.append(_refused(error))
            else:
                # An unbroken stream: everything that was sent has a result.
                return pb.PublishStreamResponse(results=[await _result(result) for result in results])
        raise InvalidRequest(f"a stream has at most {MAX_STREAM_ITEMS} items; the first of them are published")

    async def Delete(self, request: pb.DeleteRequest, _context: Any) -> pb.DeleteResponse:  # noqa: N802 - gRPC's name
        """Take one activity back."""
        principal = self._principal()
        by_id = request.WhichOneof("name") == "id"
        if by_id:
            check_may_delete_by_id(principal)
            marker = deleted_by_id(request.id, request.version)
        else:
            marker = deleted_by_source(source_from_proto(request.source), request.version, principal)
        self._rate.take(principal.user)
        (published,) = await self._publish([self._accepted(marker, keep_id=by_id)])
        return pb.DeleteResponse(id=published.id, partition=published.partition, offset=published.offset)

    async def _taken(self, request: pb.PublishRequest, principal: Principal) -> Accepted:
        refuse_assigned(request.activity)
        native_id = request.request_id or str(uuid.uuid4())
        activity = authored(activity_from_proto(request.activity), principal, native_id=native_id)
        self._rate.take(principal.user)
        for group in groups_to_check(activity, principal):
            if not await self._membership.is_member(principal.user, group):
                raise PermissionRefused("an employee publishes only for groups that she is a member of")
        return self._accepted(activity)

    def _accepted(self, activity: Activity, *, keep_id: bool = False) -> Accepted:
        outcome = accept(activity, now_ms=self._now_ms(), keep_id=keep_id)
        if isinstance(outcome, Rejection):
            metrics.INGEST_REJECTED.labels(_GRPC, outcome.reason).inc()
            field = ".".join(filter(None, ("activity", outcome.field)))
            raise InvalidRequest(outcome.detail, metadata={"rejection": outcome.reason}, field=field)
        return outcome

    async def _publish(self, accepted: Sequence[Accepted]) -> list[Published]:
        with self._in_flight.of(len(accepted)):
            return await self._publisher.publish(accepted)


def _response(published: Published) -> pb.PublishResponse:
    return pb.PublishResponse(id=published.id, partition=published.partition, offset=published.offset)


async def _result(result: "pb.PublishResult | asyncio.Future[Fate]") -> pb.PublishResult:
    if isinstance(result, pb.PublishResult):
        return result
    fate = await result
    return _refused(fate) if isinstance(fate, Exception) else pb.PublishResult(response=_response(fate))


def _refused(error: Exception) -> pb.PublishResult:
    if not is_known(error):
        log.error("stream item failed", exc_info=error)
    return pb.PublishResult(error=status_of(error))
