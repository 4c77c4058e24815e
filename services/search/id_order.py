"""The order of ids in numbers that an index sorts by.

Sorting by an id as a word costs four times as much: each candidate's word has to be unpacked, numbers are compared where they lie.
"""

from typing import Any

HIGH, LOW = "id_high", "id_low"
_HALF = 16
_SHIFT = 2**63
_LOWEST = -_SHIFT


def halves(activity: str) -> tuple[int, int]:
    """Return an id of 32 hex digits as two int64 that are ordered as ids are; of '' what stands before every id but the zero one."""
    if not activity:
        return _LOWEST, _LOWEST
    return int(activity[:_HALF], 16) - _SHIFT, int(activity[_HALF:], 16) - _SHIFT


def order_fields(activity: str) -> dict[str, Any]:
    """Return the fields of a document that order it among those of its sort time."""
    high, low = halves(activity)
    return {HIGH: high, LOW: low}
