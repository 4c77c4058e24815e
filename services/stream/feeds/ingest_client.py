"""Publishing over gRPC: the PublishService."""

from collections.abc import AsyncIterator, Sequence

import grpc
import structlog
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from sluice.ingest.v1 import publish_service_pb2 as pb
from sluice.ingest.v1.publish_service_pb2_grpc import PublishServiceStub

from services.contracts.activity import Activity
from services.contracts.codec import activity_to_proto
from services.contracts.errors import InvalidRequest, Overloaded, ServiceUnavailable, SluiceError
from services.contracts.principal import PermissionRefused

log = structlog.get_logger()

_SECONDS = 4.0


class IngestClient:
    """The publishing port. What isn't a refusal of ingest is ServiceUnavailable; the status is logged."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PublishServiceStub(channel)

    async def publish(self, activities: Sequence[Activity], authorization: str) -> None:
        """See the port."""

        async def items() -> AsyncIterator[pb.PublishStreamRequest]:
            for activity in activities:
                yield pb.PublishStreamRequest(request=pb.PublishRequest(activity=activity_to_proto(activity)))

        try:
            answer = await self._stub.PublishStream(items(), metadata=(("authorization", authorization),), timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            log.warning("ingest does not take reactions", code=error.code().name)
            raise _error_of(rpc_status.from_call(error)) from None
        for result in answer.results:
            if result.HasField("error"):
                raise _error_of(result.error)


def _error_of(status: status_pb2.Status | None) -> SluiceError:
    """Return what ingest said as an error of ours."""
    code = status.code if status else code_pb2.UNAVAILABLE
    text = status.message if status else ""
    if code == code_pb2.PERMISSION_DENIED:
        return PermissionRefused(text)
    if code == code_pb2.INVALID_ARGUMENT:
        return InvalidRequest(text)
    if code == code_pb2.RESOURCE_EXHAUSTED:
        return Overloaded(text, retry_after_s=_retry_after_s(status))
    return ServiceUnavailable("reactions can't be published at the moment")


def _retry_after_s(status: status_pb2.Status | None) -> float:
    retry = error_details_pb2.RetryInfo()
    for detail in status.details if status else ():
        if detail.Unpack(retry):
            return float(retry.retry_delay.ToTimedelta().total_seconds())
    return 1.0
