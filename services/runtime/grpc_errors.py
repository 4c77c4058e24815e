"""Errors become google.rpc.Status here and nowhere else, with ErrorInfo, BadRequest and RetryInfo as details."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

DOMAIN = "sluice"
_CODES = frozenset(code_pb2.Code.keys())
_INTERNAL = "an error on our side; the request id helps to find it"
# What a call of ours to another service may answer so that trying again makes sense.
_PASSING = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED})


class FieldViolation(NamedTuple):
    """One field of a request that can't be taken. field: its path, e.g. `activity.tags[2]`; the description quotes nothing."""

    field: str
    description: str


class InvalidMessage(Exception):
    """A message breaks the rules of its proto. violations: all of them."""

    status = "INVALID_ARGUMENT"
    reason = "INVALID_REQUEST"

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        first = violations[0]
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        super().__init__(f"{first.field}: {first.description}{more}" if first.field else f"{first.description}{more}")
        self.violations = tuple(violations)


def is_known(error: BaseException) -> bool:
    """Return whether error says itself which status it is; of others nothing is told to callers."""
    status = getattr(error, "status", None)
    return (isinstance(status, str) and status in _CODES) or _passes(error)


def status_of(error: BaseException) -> status_pb2.Status:
    """Return the status of an error.

    The error may carry, as those of services/contracts/errors.py do: status (a code's name), reason, metadata, retry_after_s,
    field or violations. Others become INTERNAL without their text; a failed call to another service that may go well later
    becomes UNAVAILABLE.
    """
    if _passes(error):
        return _status("UNAVAILABLE", "another service is not available", "DEPENDENCY_UNAVAILABLE", {}, retry_after_s=1.0)
    if not is_known(error):
        return _status("INTERNAL", _INTERNAL, "INTERNAL", {})
    text = str(error)
    field = str(getattr(error, "field", "") or "")
    violations = tuple(getattr(error, "violations", ())) or ((FieldViolation(field, text),) if field else ())
    return _status(
        str(getattr(error, "status", "INTERNAL")),
        text,
        str(getattr(error, "reason", "")) or "UNKNOWN",
        getattr(error, "metadata", None) or {},
        violations=violations,
        retry_after_s=float(getattr(error, "retry_after_s", 0.0) or 0.0),
    )


def _passes(error: BaseException) -> bool:
    return isinstance(error, grpc.aio.AioRpcError) and error.code() in _PASSING


def _status(
    code: str,
    text: str,
    reason: str,
    metadata: Mapping[str, Any],
    *,
    violations: Sequence[FieldViolation] = (),
    retry_after_s: float = 0.0,
) -> status_pb2.Status:
    status = status_pb2.Status(code=code_pb2.Code.Value(code), message=text)
    info = {str(name): str(value) for name, value in metadata.items()}
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=info)]
    if violations:
        bad = error_details_pb2.BadRequest()
        for field, description in violations:
            bad.field_violations.add(field=field, description=description)
        details.append(bad)
    if retry_after_s > 0:
        delay = Duration()
        delay.FromNanoseconds(int(retry_after_s * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    for detail in details:
        status.details.add().Pack(detail)
    return status
