"""The REST API of one instance with one token."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from services.ingest.json_payload import parse_json
from services.ingest.loose_fields import as_dict, as_text
from services.ingest.source import MalformedPayload, SourceConfig
from services.runtime.fetch_errors import UnexpectedStatus

_OK, _GONE, _TOO_MANY = 200, (404, 410), 429
_PREVIOUS_PAGE = re.compile(r"[?&]min_id=([^&>]+)[^>]*>\s*;\s*rel=\"?prev")


class AnswerUnreadable(Exception):
    """The instance answered with something else than its API says."""

    reason = "answer-unreadable"


@dataclass(frozen=True, slots=True)
class Instance:
    """Asks the instance of config. http: the guarded client."""

    config: SourceConfig
    http: Any
    now_s: Callable[[], float] = time.time

    @property
    def base(self) -> str:
        """The instance's URL without a slash at its end."""
        return self.config.url.rstrip("/")

    @property
    def headers(self) -> dict[str, str]:
        """What shows the token, if there is one."""
        return {"Authorization": f"Bearer {self.config.secret}"} if self.config.secret else {}

    async def page(self, path: str) -> tuple[list[Any], str]:
        """Return the items of a page and the id above which the next newer page begins, empty where none is told."""
        answer = await self._answer(path)
        items = _json(answer.body)
        if not isinstance(items, list):
            raise AnswerUnreadable("a page that is no list")
        # Only the id is taken from the link: where to ask is not for the answer to say.
        following = _PREVIOUS_PAGE.search(answer.headers.get("link", ""))
        return items, following[1] if following else ""

    async def status(self, native_id: str) -> Any:
        """Return a status, or None where it is gone or not to be seen any more."""
        answer = await self.http.get(f"{self.base}/api/v1/statuses/{quote(native_id, safe='')}", self.headers)
        if answer.status in _GONE:
            return None
        return _json((self._good(answer)).body)

    async def streaming_base(self) -> str:
        """Return where events are streamed from: the host that the instance names, if it is its own or one below it."""
        answer = await self.http.get(f"{self.base}/api/v2/instance", {})
        if answer.status != _OK:
            return self.base
        urls = as_dict(as_dict(as_dict(_json(answer.body)).get("configuration")).get("urls"))
        named = re.sub(r"^ws", "http", as_text(urls.get("streaming"))).rstrip("/")
        try:
            own, other = urlsplit(self.base), urlsplit(named)
            own_host, host = own.hostname or "", other.hostname or ""
        except ValueError:
            return self.base
        safe = other.scheme in (own.scheme, "https") and (host == own_host or host.endswith(f".{own_host}"))
        return named if safe else self.base

    async def _answer(self, path: str) -> Any:
        return self._good(await self.http.get(f"{self.base}{path}", self.headers))

    def _good(self, answer: Any) -> Any:
        if answer.status == _OK:
            return answer
        error: UnexpectedStatus = answer.unexpected(self.now_s())
        if answer.status == _TOO_MANY and not error.retry_after_s:
            error.retry_after_s = _seconds_until(answer.headers.get("x-ratelimit-reset", ""), self.now_s())
        raise error


def _json(body: bytes) -> Any:
    try:
        return parse_json(body)
    except MalformedPayload:
        raise AnswerUnreadable("an answer that is no JSON") from None


def _seconds_until(moment: str, now_s: float) -> float:
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return 0.0
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now_s, 0.0)
