"""The public keys of the token issuer: a JWKS from a file or a URL, cached, read again when a token names an unknown key."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import httpx
import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from services.runtime.loggable import describe
from services.runtime.metrics import AUTH_KEY_REFRESHES

MAX_AGE_S = 300.0
MIN_INTERVAL_S = 5.0
_MAX_BYTES = 1_000_000
_TIMEOUT_S = 5.0

Read = Callable[[], Awaitable[bytes]]


class KeysUnavailable(Exception):
    """The issuer's keys can't be read and none are known. Trying again makes sense."""

    status = "UNAVAILABLE"
    reason = "SIGNING_KEYS_UNAVAILABLE"
    retry_after_s = 2.0


class SigningKeys:
    """Keys by their id (`kid`). read: gives the JWKS document; raises on what a later try may mend.

    Keys older than max_age_s are read again at renew(), so that a withdrawn key stops working, and for an unknown kid; never more
    often than every min_interval_s: tokens are anybody's input. While reading fails, the keys already known stay good.
    """

    def __init__(
        self,
        read: Read,
        *,
        max_age_s: float = MAX_AGE_S,
        min_interval_s: float = MIN_INTERVAL_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._max_age_s = max_age_s
        self._min_interval_s = min_interval_s
        self._now = now
        self._keys: Mapping[str, Key] = {}
        self._tried_at = float("-inf")
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._renewals: set[asyncio.Future[None]] = set()
        self.generation = 0

    async def key(self, kid: str) -> Key | None:
        """Return the key of that id, None when the issuer has none. Raises KeysUnavailable when no keys are known at all."""
        if kid not in self._keys:
            await self._refresh()
        if not self._keys:
            raise KeysUnavailable("the token issuer's keys are not available")
        return self._keys.get(kid)

    def renew(self) -> None:
        """Read the keys again in the background where they are old: calls under way don't wait for a slow issuer."""
        now = self._now()
        if self._keys and now - self._read_at > self._max_age_s and now - self._tried_at >= self._min_interval_s:
            task = asyncio.ensure_future(self._refresh())
            self._renewals.add(task)
            task.add_done_callback(self._renewals.discard)

    async def _refresh(self) -> None:
        asked_at = self._now()
        async with self._reading:
            # Whoever waited for somebody else's try takes its result; nobody tries more often than the interval.
            if self._tried_at >= asked_at or self._now() - self._tried_at < self._min_interval_s:
                return
            self._tried_at = self._now()
            try:
                keys = keys_of(await self._read())
            except (OSError, ValueError, httpx.HTTPError, JoseError) as error:
                AUTH_KEY_REFRESHES.labels("failed").inc()
                structlog.get_logger().warning("issuer keys not read", reason=describe(error), known=len(self._keys))
                return
            AUTH_KEY_REFRESHES.labels("ok").inc()
            self._keys, self._read_at = keys, self._now()
            self.generation += 1


def keys_of(document: bytes) -> dict[str, Key]:
    """Return the signing keys of a JWKS by kid; keys of unknown types, without kid or for encryption are left out (RFC 7517, 5)."""
    keys: dict[str, Key] = {}
    loaded = orjson.loads(document)
    entries = loaded.get("keys") if isinstance(loaded, dict) else None
    if not isinstance(entries, list):
        raise ValueError("not a JWKS document")  # noqa: TRY004 - the type of somebody's JSON, not of an argument
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") == "oct":
            continue
        try:
            key = JWKRegistry.import_key(entry)
        except (JoseError, ValueError, TypeError):
            continue
        if key.kid:
            keys[key.kid] = key
    return keys


def from_file(path: Path) -> Read:
    """Return what reads the JWKS from a file."""

    async def read() -> bytes:
        return await asyncio.to_thread(path.read_bytes)

    return read


def from_url(url: str) -> Read:
    """Return what reads the JWKS from a URL: no redirects, bounded in time and size."""

    async def read() -> bytes:
        body = bytearray()
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as client, client.stream("GET", url) as response:
            response.raise_for_status()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise ValueError("the JWKS document is too large")
        return bytes(body)

    return read
