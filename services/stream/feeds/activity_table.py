"""What the worker knows of activities: columns for sorting, facts for matching, bodies for presenting."""

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.contracts.matching import Facts

_SMALLEST = 1024
#: Offset of what history told: it is not newer than the broadcast, and no row but the asking one was given it.
FROM_HISTORY: Final = -1


class ActivityTable:
    """One slot for each known activity. The last record in the order of the log wins; slots are int32 numbers, reused."""

    def __init__(self, body_budget: int) -> None:
        """body_budget: bytes of bodies to keep beyond those that must stay."""
        self.sort_keys: NDArray[np.int64] = np.empty(_SMALLEST, np.int64)
        self.offsets: NDArray[np.int64] = np.empty(_SMALLEST, np.int64)
        self.facts: list[Facts | None] = []
        self.bodies: list[bytes | None] = []
        self.body_bytes = 0
        self._body_budget = body_budget
        self._slot_of: dict[str, int] = {}
        self._free: list[int] = []
        # Each slot at most once: without a bound of its own the queue would outgrow everything while the budget holds.
        self._droppable: deque[int] = deque()
        self._listed: set[int] = set()

    def __len__(self) -> int:
        return len(self._slot_of)

    def slot_of(self, activity_id: str) -> int | None:
        """Return the slot of an activity, None when it isn't known."""
        return self._slot_of.get(activity_id)

    def facts_at(self, slot: int) -> Facts:
        """Return the facts in a slot that is in use."""
        facts = self.facts[slot]
        if facts is None:
            raise LookupError(f"slot {slot} is free")
        return facts

    def put(self, facts: Facts, body: bytes, offset: int) -> tuple[int, Facts | None]:
        """Take a record of the log; return its slot and what the broadcast had said of the activity before, if known.

        Facts from history count as unknown: they were given to one reader, not delivered to all.
        """
        slot = self._slot_of.get(facts.id)
        before = None
        if slot is None:
            slot = self._new(facts, offset)
        else:
            before = self.facts[slot] if self.offsets[slot] != FROM_HISTORY else None
            self.facts[slot] = facts
            self.sort_keys[slot] = facts.sort_time_ms
            self.offsets[slot] = offset
        self._keep(slot, body)
        return slot, before

    def learn(self, facts: Facts, body: bytes | None) -> int:
        """Take what history told of an activity and return its slot. What is known already is newer and stays."""
        slot = self._slot_of.get(facts.id)
        if slot is None:
            slot = self._new(facts, FROM_HISTORY)
        if body is not None and self.bodies[slot] is None:
            self._keep(slot, body)
            self.may_drop(slot)
        return slot

    def restore(self, activity_id: str, body: bytes) -> None:
        """Keep a body that was fetched again."""
        slot = self._slot_of.get(activity_id)
        if slot is not None and self.bodies[slot] is None:
            self._keep(slot, body)
            self.may_drop(slot)

    def may_drop(self, slot: int) -> None:
        """Say that the index can give this slot's body again."""
        if slot not in self._listed:
            self._listed.add(slot)
            self._droppable.append(slot)

    def trim_bodies(self, needed: Callable[[int], bool]) -> None:
        """Drop the bodies that may go, first come first, until the budget holds. needed(slot): it must stay after all."""
        while self.body_bytes > self._body_budget and self._droppable:
            slot = self._droppable.popleft()
            self._listed.discard(slot)
            if not needed(slot):
                self._keep(slot, None)

    def referenced(self) -> NDArray[np.bool_]:
        """Return a mask over all slots, nothing set, to be filled and given to sweep."""
        return np.zeros(len(self.facts), np.bool_)

    def sweep(self, referenced: NDArray[np.bool_]) -> int:
        """Free the slots that aren't referenced and return how many that were. O(slots)."""
        swept = [slot for slot in np.flatnonzero(~referenced).tolist() if self.facts[slot] is not None]
        for slot in swept:
            del self._slot_of[self.facts_at(slot).id]
            self._keep(slot, None)
            self.facts[slot] = None
        self._free.extend(swept)
        return len(swept)

    def _new(self, facts: Facts, offset: int) -> int:
        if self._free:
            slot = self._free.pop()
            self.facts[slot] = facts
        else:
            slot = len(self.facts)
            self.facts.append(facts)
            self.bodies.append(None)
            if slot == len(self.sort_keys):
                self.sort_keys = np.concatenate([self.sort_keys, np.empty_like(self.sort_keys)])
                self.offsets = np.concatenate([self.offsets, np.empty_like(self.offsets)])
        self.sort_keys[slot] = facts.sort_time_ms
        self.offsets[slot] = offset
        self._slot_of[facts.id] = slot
        return slot

    def _keep(self, slot: int, body: bytes | None) -> None:
        self.body_bytes += len(body or b"") - len(self.bodies[slot] or b"")
        self.bodies[slot] = body
