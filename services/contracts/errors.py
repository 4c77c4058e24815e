"""Errors of the domain. Each knows the canonical status it becomes; the gRPC edge turns them into google.rpc.Status in one place."""

from collections.abc import Mapping


class SluiceError(Exception):
    """Base of every error that a caller may see. The text is for people and never carries anybody's content.

    status: a canonical code's name. reason: stable, UPPER_SNAKE_CASE, for ErrorInfo. metadata: for ErrorInfo. retry_after_s: for
    RetryInfo, where trying again makes sense. field: the request field at fault, for BadRequest.
    """

    status = "INTERNAL"
    reason = "INTERNAL"

    def __init__(
        self, message: str, *, metadata: Mapping[str, str] | None = None, retry_after_s: float = 0.0, field: str = ""
    ) -> None:
        super().__init__(message)
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s
        self.field = field


class InvalidRequest(SluiceError):
    """A field of the request can't be taken; `field` names it."""

    status = "INVALID_ARGUMENT"
    reason = "INVALID_REQUEST"


class NotFound(SluiceError):
    """It doesn't exist, or the caller may not know that it does."""

    status = "NOT_FOUND"
    reason = "NOT_FOUND"


class ServiceUnavailable(SluiceError):
    """A part that the answer needs is away or too far behind to answer without leaking. Trying again makes sense."""

    status = "UNAVAILABLE"
    reason = "UNAVAILABLE"

    def __init__(self, message: str, *, metadata: Mapping[str, str] | None = None, retry_after_s: float = 1.0) -> None:
        super().__init__(message, metadata=metadata, retry_after_s=retry_after_s)


class Overloaded(SluiceError):
    """More work than may wait. Trying again later makes sense."""

    status = "RESOURCE_EXHAUSTED"
    reason = "OVERLOADED"

    def __init__(self, message: str, *, metadata: Mapping[str, str] | None = None, retry_after_s: float = 1.0) -> None:
        super().__init__(message, metadata=metadata, retry_after_s=retry_after_s)
