"""Opaque page tokens: a place in an order, bound to the request that it belongs to.

A token is no secret and opens nothing: every page is filtered for its reader again. Binding it to the request turns a changed
filter into a named error instead of a page with gaps.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import orjson

from services.contracts.errors import SluiceError

# Clients of gRPC take 4 MiB unless told otherwise.
MAX_ANSWER_BYTES = 3_500_000


class PageTokenInvalid(SluiceError):
    """The token is not one of ours or belongs to another request."""

    status = "INVALID_ARGUMENT"
    reason = "PAGE_TOKEN_INVALID"


@dataclass(frozen=True, slots=True)
class PageToken:
    """position: JSON values that say where the next page starts; request: the fingerprint of what was asked."""

    position: tuple[Any, ...]
    request: str

    def encode(self) -> str:
        """Return the opaque form."""
        raw = orjson.dumps((1, self.request, *self.position))
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def fingerprint(*parts: object) -> str:
    """Return a short digest of everything in a request that a page token must not survive the change of."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def decode_page_token(token: str, request: str) -> tuple[Any, ...]:
    """Return the position in a token that belongs to request. Raises PageTokenInvalid."""
    try:
        values = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise PageTokenInvalid("the page token is not one of ours") from None
    if not isinstance(values, list) or len(values) < 2 or values[0] != 1:  # noqa: PLR2004 - version and fingerprint
        raise PageTokenInvalid("the page token is not one of ours")
    if values[1] != request:
        raise PageTokenInvalid("the page token belongs to a request with other fields")
    return tuple(values[2:])


def clamp_page_size(asked: int, *, default: int, maximum: int) -> int:
    """Return the page size to use: the default for 0, never more than the maximum."""
    return min(asked or default, maximum)


def fitting(sizes: Iterable[int]) -> int:
    """Return how many of the first items fit into one answer, at least one. sizes: bytes of each item."""
    sizes = list(sizes)
    if sum(sizes) <= MAX_ANSWER_BYTES:
        return len(sizes)
    return max(1, sum(size <= MAX_ANSWER_BYTES for size in accumulate(sizes)))
