"""A live cursor: how far the log of activities is in what its holder has, and what that is, as a digest.

It names no worker: offsets and digest mean the same everywhere. It is no secret and opens nothing, since whatever is sent is judged
for its reader again; one that somebody made up costs its maker a snapshot.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from services.contracts.errors import SluiceError
from services.contracts.page_tokens import PageToken, PageTokenInvalid, decode_page_token
from services.stream.feeds.places import BOTTOM, TOP, Place

_HEAD = 3
_HIGHEST = 2**63
_HIGHEST_DIGEST = 2**64
_ID_LENGTH = 32


class CursorInvalid(SluiceError):
    """The cursor is not one of ours or belongs to another request."""

    status = "INVALID_ARGUMENT"
    reason = "CURSOR_INVALID"


@dataclass(frozen=True, slots=True)
class LiveCursor:
    """offsets: partition → the next offset of sluice.activities.v1. floor: the lowest place that is watched. digest: of its entries."""

    offsets: Mapping[int, int]
    floor: Place
    digest: int

    def encode(self, request: str) -> str:
        """Return the opaque form. request: the fingerprint of what is watched."""
        flat = [number for pair in sorted(self.offsets.items()) for number in pair]
        return PageToken((*self.floor, self.digest, *flat), request).encode()


def decode_cursor(cursor: str, request: str) -> LiveCursor:
    """Return what a cursor of a request says. Raises CursorInvalid."""
    try:
        position = decode_page_token(cursor, request)
    except PageTokenInvalid:
        raise _invalid() from None
    if len(position) < _HEAD or len(position) % 2 != _HEAD % 2:
        raise _invalid()
    floor, digest, flat = position[:2], position[2], position[_HEAD:]
    if (
        not _is_place(floor)
        or not _is_number(digest, _HIGHEST_DIGEST)
        or not all(_is_number(number, _HIGHEST) for number in flat)
    ):
        raise _invalid()
    if any(one >= other for one, other in pairwise(flat[::2])):
        raise _invalid()
    return LiveCursor(dict(zip(flat[::2], flat[1::2], strict=True)), Place(*floor), digest)


def _invalid() -> CursorInvalid:
    return CursorInvalid("the cursor is not one of ours or belongs to another request", field="cursor")


def _is_number(value: object, end: int) -> bool:
    return type(value) is int and 0 <= value < end


def _is_place(values: tuple[Any, ...]) -> bool:
    time, activity_id = values
    if type(time) is not int or not isinstance(activity_id, str) or not BOTTOM.sort_time_ms <= time <= TOP.sort_time_ms:
        return False
    return not activity_id or (len(activity_id) == _ID_LENGTH and not activity_id.strip("0123456789abcdef"))
