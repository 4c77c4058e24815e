"""What is asked of the activity stream API, and what its answers' statuses mean."""

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from services.ingest.source import SourceConfig
from services.runtime.http_client import Response
from services.runtime.redirects import retry_after_s

MAX_PAGE_BYTES = 16 * 1024 * 1024
MAX_COUNT = 200
_STREAM = "@public/@all/@all"
_REFUSED_PAUSE_S = 60.0
_MAX_PAUSE_S = 3600.0
_OK, _TOO_MANY = 200, 429


class FetchFailed(Exception):
    """The stream can't be read now. reason: a stable code; retry_after_s: what the server asked for, 0 where it didn't."""

    def __init__(self, reason: str, detail: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(detail)
        self.reason = reason
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Request:
    """start: the index of the first story. since_ms: None asks for the newest whatever their time."""

    start: int
    count: int
    since_ms: int | None


def url_of(config: SourceConfig, request: Request) -> str:
    """Return the address of a page. config.url: the root of Connections (`https://host/connections`) or a stream's full address."""
    base = config.url.rstrip("/")
    if "/activitystreams/" not in base:
        method = config.options.get("auth") or ("basic" if ":" in config.secret else "oauth")
        base = f"{base}/opensocial/{method}/rest/activitystreams/{config.options.get('stream') or _STREAM}"
    query: dict[str, Any] = {
        "rollup": "true" if config.options.get("rollup") is True else "false",
        "startIndex": request.start,
        "count": request.count,
    }
    if request.since_ms is not None:
        query["updatedSince"] = request.since_ms
    return f"{base}{'&' if '?' in base else '?'}{urlencode(query)}"


def headers_of(config: SourceConfig) -> dict[str, str]:
    """Return the headers of a request. config.secret: `user:password` for basic, else a token for bearer authentication."""
    headers = {"Accept": "application/json"}
    secret = config.secret.strip()
    if secret and (config.options.get("auth") == "basic" or (":" in secret and config.options.get("auth") != "oauth")):
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    elif secret:
        headers["Authorization"] = f"Bearer {secret}"
    return headers


def check_answer(response: Response, *, now_s: float) -> None:
    """Raise FetchFailed unless response is a page: `source-refused-401`, `source-refused-403`, `rate-limited`, `login-page`, `http-…`."""
    status = response.status
    asked = min(retry_after_s(response.headers, now_s), _MAX_PAUSE_S)
    if status in (401, 403):
        # Trying a wrong password again and again locks the account.
        pause = max(_REFUSED_PAUSE_S, asked)
        raise FetchFailed(f"source-refused-{status}", "Connections refuses the credentials of the source", retry_after_s=pause)
    if status == _TOO_MANY:
        raise FetchFailed("rate-limited", "Connections asks for fewer requests", retry_after_s=asked or 1.0)
    if status != _OK:
        raise FetchFailed(f"http-{status}", "Connections answered with an error", retry_after_s=asked)
    if response.headers.get("content-type", "").lower().startswith("text/html"):
        # Behind a login form an expired session is answered 200 with the form.
        raise FetchFailed("login-page", "Connections answered with a page for people", retry_after_s=_REFUSED_PAUSE_S)
