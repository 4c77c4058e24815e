"""A place in the order of every feed: (sort time, full id), newest first."""

from typing import Any, NamedTuple

from services.contracts.matching import Facts

_LOWEST_ID, _HIGHEST_ID = "0" * 32, "f" * 32


class Place(NamedTuple):
    """Where an entry stands. sort_time_ms: ms since the epoch; id: 32 hex digits. Greater is newer."""

    sort_time_ms: int
    id: str


#: Above every entry: where a first page begins.
TOP = Place(2**62, "")
#: Below every entry.
BOTTOM = Place(-1, "")


def is_place(values: tuple[Any, ...]) -> bool:
    """Return whether two values that somebody sent are a place."""
    time, activity_id = values
    if type(time) is not int or not isinstance(activity_id, str) or not BOTTOM.sort_time_ms <= time <= TOP.sort_time_ms:
        return False
    return activity_id == "" or (len(activity_id) == len(_LOWEST_ID) and set(activity_id) <= set("0123456789abcdef"))


def place_of(facts: Facts) -> Place:
    """Return where an activity stands."""
    return Place(facts.sort_time_ms, facts.id)


def just_above(sort_time_ms: int) -> Place:
    """Return the lowest place above all entries of that millisecond and before: 'older than it' includes the ties."""
    return Place(sort_time_ms + 1, _LOWEST_ID)


def top_of(sort_time_ms: int) -> Place:
    """Return the highest place of a millisecond: what stands above it is newer than all of its entries."""
    return Place(sort_time_ms, _HIGHEST_ID)
