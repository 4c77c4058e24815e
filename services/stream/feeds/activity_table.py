"""What the worker knows of activities: columns for sorting, facts for matching, bodies for presenting."""

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from services.contracts.matching import Facts
from services.stream.feeds.timelines import EVERYTHING

_SMALLEST = 1024

Marks = NDArray[np.bool_]


class ActivityTable:
    """One slot for each known activity. The last record in the order of the log wins; slots are int32 numbers, reused.

    Slot 0 is never given out: timelines say with it that there is nothing.
    """

    def __init__(self, body_budget: int) -> None:
        """body_budget: bytes of bodies to keep beyond those that must stay."""
        self.sort_keys: NDArray[np.int64] = np.full(_SMALLEST, EVERYTHING, np.int64)
        self.facts: list[Facts | None] = [None]
        self.bodies: list[bytes | None] = [None]
        self.body_bytes = 0
        #: Rises whenever the sort key of a slot changes: rows that were in order may not be any more.
        self.moves = 1
        #: By slot: whether its facts or its body have changed since whoever keeps other columns of activities set this to False.
        self.changed: Marks = np.ones(_SMALLEST, np.bool_)
        self._body_budget = body_budget
        self._slot_of: dict[str, int] = {}
        self._free: list[int] = []
        # By slot: whether the broadcast has told of it, to all; what history told was given to one reader.
        self._told = bytearray(1)
        # Each slot at most once: without a bound of its own the queue would outgrow everything while the budget holds.
        self._droppable: deque[int] = deque()
        self._listed = bytearray(1)
        self._marks: Marks = np.zeros(0, np.bool_)

    def __len__(self) -> int:
        return len(self._slot_of)

    def slot_of(self, activity_id: str) -> int | None:
        """Return the slot of an activity, None when it isn't known."""
        return self._slot_of.get(activity_id)

    def known(self, activity_id: str) -> Facts | None:
        """Return the facts of an activity, None when it isn't known."""
        slot = self._slot_of.get(activity_id)
        return None if slot is None else self.facts[slot]

    def facts_at(self, slot: int) -> Facts:
        """Return the facts in a slot that is in use."""
        facts = self.facts[slot]
        if facts is None:
            raise LookupError(f"slot {slot} is free")
        return facts

    def put(self, facts: Facts, body: bytes) -> tuple[int, Facts | None]:
        """Take a record of the log; return its slot and what the broadcast had said of the activity before, if known.

        Facts from history count as unknown: they were given to one reader, not delivered to all.
        """
        slot = self._slot_of.get(facts.id)
        if slot is None:
            slot = self._new(facts)
            self._told[slot] = 1
            self.bodies[slot] = body
            self.body_bytes += len(body)
            return slot, None
        before = self.facts[slot] if self._told[slot] else None
        self._told[slot] = 1
        self.facts[slot] = facts
        if self.sort_keys[slot] != facts.sort_time_ms:
            self.sort_keys[slot] = facts.sort_time_ms
            self.moves += 1
        self._mark(slot)
        self._keep(slot, body)
        return slot, before

    def learn(self, facts: Facts, body: bytes | None) -> int:
        """Take what history told of an activity and return its slot. What is known already is newer and stays."""
        slot = self._slot_of.get(facts.id)
        if slot is None:
            slot = self._new(facts)
        self._mark(slot)
        if body is not None and self.bodies[slot] is None:
            self._keep(slot, body)
            self.may_drop([slot])
        return slot

    def restore(self, activity_id: str, body: bytes) -> None:
        """Keep a body that was fetched again."""
        slot = self._slot_of.get(activity_id)
        if slot is not None and self.bodies[slot] is None:
            self._keep(slot, body)
            self.may_drop([slot])

    def may_drop(self, slots: Iterable[int]) -> None:
        """Say that the index can give the bodies of slots again."""
        listed, droppable = self._listed, self._droppable
        for slot in slots:
            if not listed[slot]:
                listed[slot] = 1
                droppable.append(slot)

    def trim_bodies(self, needed: Callable[[int], bool]) -> None:
        """Drop the bodies that may go, first come first, until the budget holds. needed(slot): it must stay after all."""
        while self.body_bytes > self._body_budget and self._droppable:
            slot = self._droppable.popleft()
            self._listed[slot] = 0
            if not needed(slot):
                self._keep(slot, None)

    def mark_all(self) -> Marks:
        """Begin a round of freeing: return marks, bool[slots of now], none set. What is put or learnt from now on is marked."""
        self._marks = np.zeros(len(self.facts), np.bool_)
        self._marks[0] = True
        return self._marks

    def free(self, slots: Iterable[int]) -> int:
        """Free those of slots that are in use and not marked; return how many that were."""
        freed = 0
        for slot in slots:
            facts = self.facts[slot]
            if facts is not None and not self._marks[slot]:
                del self._slot_of[facts.id]
                self._keep(slot, None)
                self.facts[slot] = None
                self._told[slot] = 0
                self._free.append(slot)
                freed += 1
        return freed

    @property
    def memory(self) -> int:
        """The bytes of the columns; facts and bodies not."""
        return self.sort_keys.nbytes + self.changed.nbytes + len(self._told) + len(self._listed)

    def _mark(self, slot: int) -> None:
        if slot < len(self._marks):
            self._marks[slot] = True

    def _new(self, facts: Facts) -> int:
        if self._free:
            slot = self._free.pop()
            self.facts[slot] = facts
            self._mark(slot)
        else:
            slot = len(self.facts)
            self.facts.append(facts)
            self.bodies.append(None)
            self._told.append(0)
            self._listed.append(0)
            if slot == len(self.sort_keys):
                self.sort_keys = np.concatenate([self.sort_keys, np.empty_like(self.sort_keys)])
                self.changed = np.concatenate([self.changed, np.ones_like(self.changed)])
        self.sort_keys[slot] = facts.sort_time_ms
        self.changed[slot] = True
        self._slot_of[facts.id] = slot
        return slot

    def _keep(self, slot: int, body: bytes | None) -> None:
        self.body_bytes += len(body or b"") - len(self.bodies[slot] or b"")
        self.bodies[slot] = body
        if body is not None:
            self.changed[slot] = True
