"""What the holder of a live feed has been told: the slots of its entries and what was said of each, in five bytes an entry."""

from array import array
from collections.abc import Iterator

_MASK = (1 << 64) - 1
_HASH_DIGITS = 16


class HeldEntries:
    """Slots of the activity table and the viewer's state of each, with a digest that doesn't depend on their order.

    Where two have the same digest they hold the same entries in the same state, but for one chance in 2^64.
    """

    __slots__ = ("_slots", "_states", "digest")

    def __init__(self) -> None:
        self.digest = 0
        self._slots = array("i")
        self._states = bytearray()

    def __len__(self) -> int:
        return len(self._slots)

    def __iter__(self) -> Iterator[int]:
        return iter(self._slots)

    @property
    def slots(self) -> "array[int]":
        """The slots, int32, to be looked at only."""
        return self._slots

    def state_of(self, slot: int) -> int | None:
        """Return the state that was told of an entry, None when it isn't held. O(entries), in C."""
        try:
            return self._states[self._slots.index(slot)]
        except ValueError:
            return None

    def put(self, slot: int, activity_id: str, state: int) -> None:
        """Hold an entry, or another state of it. state: 0 to 255."""
        try:
            at = self._slots.index(slot)
        except ValueError:
            self._slots.append(slot)
            self._states.append(state)
        else:
            self._add(-_weight(activity_id, self._states[at]))
            self._states[at] = state
        self._add(_weight(activity_id, state))

    def drop(self, slot: int, activity_id: str) -> None:
        """Hold an entry no longer. It must be held."""
        at = self._slots.index(slot)
        self._add(-_weight(activity_id, self._states[at]))
        # Order means nothing here.
        self._slots[at], self._states[at] = self._slots[-1], self._states[-1]
        del self._slots[-1], self._states[-1]

    def clear(self) -> None:
        """Hold nothing."""
        self.digest = 0
        self._slots = array("i")
        self._states = bytearray()

    def _add(self, weight: int) -> None:
        self.digest = (self.digest + weight) & _MASK


def _weight(activity_id: str, state: int) -> int:
    """Return what an entry adds to a digest: ids are hashes, and an odd factor keeps two entries from swapping their states unseen."""
    return int(activity_id[:_HASH_DIGITS], 16) * (2 * state + 1)
