"""Why something could not be fetched. Each has a stable `reason`; none quotes a URL's query, a header or a body."""


class FetchError(Exception):
    """Base of everything the guarded client raises. retry_after_s: what the other side asked for, 0 where it asked for nothing."""

    reason = "fetch-failed"

    def __init__(self, detail: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class AddressRefused(FetchError):
    """The host has no address that may be connected to: private, loopback, link-local or metadata, and not in the allow-list."""

    reason = "address-refused"


class UrlRefused(FetchError):
    """The URL is not http(s), has no host, or carries credentials."""

    reason = "url-refused"


class TooManyRedirects(FetchError):
    """The redirects have no end, or one of them goes nowhere."""

    reason = "too-many-redirects"


class BodyTooLarge(FetchError):
    """The body, counted after decompression, is larger than asked for."""

    reason = "body-too-large"


class BodyUndecodable(FetchError):
    """The content encoding is unknown or the compressed bytes are damaged."""

    reason = "body-undecodable"


class FetchTimeout(FetchError):
    """Connecting, reading or the whole took too long."""

    reason = "fetch-timeout"


class ConnectionFailed(FetchError):
    """The name has no address, nobody listens, TLS failed, or the connection broke."""

    reason = "connection-failed"


class UnexpectedStatus(FetchError):
    """The answer's status is not one that the caller can work with."""

    def __init__(self, status: int, host: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(f"{host} answered {status}", retry_after_s=retry_after_s)
        self.status = status
        self.reason = f"http-{status}"


class NotAnEventStream(FetchError):
    """The answer is no text/event-stream."""

    reason = "not-an-event-stream"


class StreamEnded(FetchError):
    """The event stream ended, as streams do when a server restarts."""

    reason = "stream-ended"
