"""Where the next page of a search begins: the sort values of the last result before it."""

import math
from typing import Any

from services.contracts.page_tokens import PageToken, PageTokenInvalid, decode_page_token

_INT64 = range(-(2**63), 2**63)
# Sort time and the two halves of the id.
_PLACE = 3


def next_token(sort: tuple[Any, ...], request: str) -> str:
    """Return the token of the page that begins after a result with these sort values. request: its fingerprint."""
    return PageToken(position=sort, request=request).encode()


def place_of(token: str, request: str, *, scored: bool) -> tuple[Any, ...]:
    """Return the sort values in a token, () without one: sort time, the id in two, and the score before them where the search has one.

    Raises PageTokenInvalid: what a caller makes up doesn't reach the index.
    """
    if not token:
        return ()
    place = decode_page_token(token, request)
    if len(place) != _PLACE + scored or not all(map(_whole, place[-_PLACE:])) or not all(map(_number, place[:-_PLACE])):
        raise PageTokenInvalid("the page token is not one of ours")
    return place


def _whole(value: Any) -> bool:
    return type(value) is int and value in _INT64


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _INT64.stop and math.isfinite(value)
