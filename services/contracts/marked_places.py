"""The place up to which a feed is marked, as 32 hex digits: it stands where other markers have an activity id."""

from typing import NamedTuple

_TIME_DIGITS, _ID_DIGITS = 12, 20
_LATEST_MS = 16**_TIME_DIGITS - 1


class MarkedPlace(NamedTuple):
    """A place in the order of feeds. id: the first 20 digits of an id; two activities of one millisecond don't share those."""

    sort_time_ms: int
    id: str

    def covers(self, sort_time_ms: int, activity_id: str) -> bool:
        """Return whether an activity stands at or below this place."""
        return (sort_time_ms, activity_id[:_ID_DIGITS]) <= self


def marked_place(sort_time_ms: int, activity_id: str) -> MarkedPlace:
    """Return the place of an activity. sort_time_ms: ms since the epoch; what doesn't fit 48 bits is brought within them."""
    return MarkedPlace(min(max(sort_time_ms, 0), _LATEST_MS), activity_id[:_ID_DIGITS])


def place_digits(place: MarkedPlace) -> str:
    """Return the 32 hex digits of a place; a greater place has the greater digits."""
    return f"{place.sort_time_ms:0{_TIME_DIGITS}x}{place.id}"


def place_of_digits(digits: str) -> MarkedPlace:
    """Read a place back. digits: 32 hex digits."""
    return MarkedPlace(int(digits[:_TIME_DIGITS], 16), digits[_TIME_DIGITS:])
