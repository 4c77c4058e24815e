"""PublishService: rules, acceptance and limits around the publisher. Errors become statuses in the server's one place."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
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
from services.runtime import metrics
from services.runtime.auth import caller
from services.runtime.grpc_errors import is_known, status_of
from services.runtime.grpc_validation import validate

MAX_STREAM_ITEMS = 10_000
# So many of one stream wait for Kafka at a time; reading the stream pauses then.
_STREAM_WINDOW = 500
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
        return await self._publish(await self._taken(request, self._principal()))

    async def PublishStream(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[pb.PublishStreamRequest], _context: Any
    ) -> pb.PublishStreamResponse:
        """Accept many; each is published as it comes, a window of them at a time."""
        principal, window = self._principal(), asyncio.Semaphore(_STREAM_WINDOW)
        tasks: list[asyncio.Task[pb.PublishResult]] = []
        async with asyncio.TaskGroup() as group:
            async for item in request_iterator:
                if len(tasks) == MAX_STREAM_ITEMS:
                    break
                await window.acquire()
                task = group.create_task(self._result(item.request, principal))
                task.add_done_callback(lambda _: window.release())
                tasks.append(task)
            else:
                # An unbroken stream: everything that was sent has a result.
                return pb.PublishStreamResponse(results=[await task for task in tasks])
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
        response = await self._publish(self._accepted(marker, keep_id=by_id))
        return pb.DeleteResponse(id=response.id, partition=response.partition, offset=response.offset)

    async def _result(self, request: pb.PublishRequest, principal: Principal) -> pb.PublishResult:
        try:
            validate(request)
            return pb.PublishResult(response=await self._publish(await self._taken(request, principal)))
        except Exception as error:
            if not is_known(error):
                log.exception("stream item failed")
            return pb.PublishResult(error=status_of(error))

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

    async def _publish(self, accepted: Accepted) -> pb.PublishResponse:
        with self._in_flight.of(1):
            published: list[Published] = await self._publisher.publish([accepted])
        return pb.PublishResponse(id=published[0].id, partition=published[0].partition, offset=published[0].offset)
