"""Where the next page of a search begins: the sort values of the last result before it."""

import math
import re
from typing import Any

from services.contracts.page_tokens import PageToken, PageTokenInvalid, decode_page_token

_ID = re.compile(r"[0-9a-f]{32}")
_MAX_MS = 2**63 - 1


def next_token(sort: tuple[Any, ...], request: str) -> str:
    """Return the token of the page that begins after a result with these sort values. request: its fingerprint."""
    return PageToken(position=sort, request=request).encode()


def place_of(token: str, request: str, *, scored: bool) -> tuple[Any, ...]:
    """Return the sort values in a token, () without one: (sort time, id), and the score before them where the search has one.

    Raises PageTokenInvalid: what a caller makes up doesn't reach the index.
    """
    if not token:
        return ()
    place = decode_page_token(token, request)
    *score, time_ms, activity = place if len(place) == (3 if scored else 2) else (None, None, None)
    if not (_whole(time_ms) and isinstance(activity, str) and _ID.fullmatch(activity) and all(map(_number, score))):
        raise PageTokenInvalid("the page token is not one of ours")
    return place


def _whole(value: Any) -> bool:
    return type(value) is int and -_MAX_MS <= value <= _MAX_MS


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _MAX_MS and math.isfinite(value)
