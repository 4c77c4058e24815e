"""The feed engine of one worker: what arrives is written to the timelines of the readers it is for. No I/O, no waiting."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.contracts.matching import Facts, delivered_to
from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.follower_index import FollowerIndex
from services.stream.feeds.likes import Likes
from services.stream.feeds.places import Place, place_of
from services.stream.feeds.readers import Reader, Readers
from services.stream.feeds.timelines import EVERYTHING, Slots, Timelines
from services.stream.feeds.window import Window

_SWEEP_AFTER = 5_000


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """capacity: entries of a timeline. rows: readers kept at a time; one takes 12 bytes times capacity. body_bytes: of kept bodies."""

    capacity: int = 800
    rows: int = 20_000
    body_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Candidate:
    """An activity that may be in a feed; whether it is, `matches` decides. body: its record value, None when it isn't in memory."""

    facts: Facts
    body: bytes | None

    @property
    def place(self) -> Place:
        """Where it stands in the feed."""
        return place_of(self.facts)


class FeedEngine:
    """Activities, timelines and readers of one worker.

    For every active reader and every activity above her row's complete_from: when the activity is delivered to one of
    her names, and she might read it when the row was built, her ring has it. Everything here keeps that sentence true.
    """

    def __init__(self, limits: EngineLimits) -> None:
        self.limits = limits
        self.generation = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything, for a broadcast that begins anew. What was asked of history in an older generation is void."""
        self.generation += 1
        self.table = ActivityTable(self.limits.body_bytes)
        self.window = Window()
        self.timelines = Timelines(self.limits.rows, self.limits.capacity)
        self.followers = FollowerIndex()
        self.readers = Readers(self.limits.rows)
        self.likes = Likes()
        self._swept_at = 0

    def arrive(self, partition: int, offset: int, facts: Facts, body: bytes) -> int:
        """Take a record of the broadcast and return to how many timelines it went. Offsets of a partition rise."""
        slot, before = self.table.put(facts, body, offset)
        names = delivered_to(facts)
        self.window.add(partition, offset, slot, names)
        self.likes.apply(facts)
        rows = self.followers.rows_of(_new_names(before, facts, names))
        return self.timelines.append(rows, facts.sort_time_ms, slot)

    def advance(self, refreshed: Mapping[int, int]) -> None:
        """Take the indexer's word for how much searches see; forget what nobody needs any more."""
        for partition, offset in refreshed.items():
            self._left_window(self.window.advance(partition, offset))
        self._left_window(self.window.trim())
        self.table.trim_bodies(self.window.__contains__)
        if len(self.table) > self._swept_at + self._swept_at // 2 + _SWEEP_AFTER:
            self.sweep()

    def sweep(self) -> int:
        """Free the slots that neither a timeline nor the window names; return how many."""
        referenced = self.table.referenced()
        self.timelines.mark(self.readers.rows(), referenced)
        referenced[list(self.window)] = True
        swept = self.table.sweep(referenced)
        self._swept_at = len(self.table)
        return swept

    def activate(
        self,
        user: str,
        *,
        employee: bool,
        candidates: Sequence[Candidate],
        floor: Place | None,
        names: Collection[str],
        likes: Sequence[Facts],
        now: float,
    ) -> Reader:
        """Build a reader's timeline. candidates: what is delivered to names, newest first, nothing missing above floor.

        floor None: nothing is missing at all. names: under which she is found from now on. Evicts the idlest reader when
        rows are short.
        """
        self.evict(user)
        if idlest := self.readers.idlest():
            self.evict(idlest)
        reader = self.readers.open(user, names, now, employee=employee)
        self.followers.add(reader.row, names)
        self.likes.open(user, likes)
        slots = [self.table.learn(candidate.facts, candidate.body) for candidate in candidates]
        self._fill(reader.row, np.array(slots, np.int32), EVERYTHING if floor is None else floor.sort_time_ms)
        return reader

    def evict(self, user: str) -> None:
        """Forget a reader's timeline; her next read builds it anew. Nothing happens when she has none."""
        reader = self.readers.close(user)
        if reader is not None:
            self.followers.remove(reader.row, reader.names)
            self.timelines.evict(reader.row)
            self.likes.close(user)

    def narrow(self, user: str, names: frozenset[str]) -> None:
        """Stop delivering to a reader what she has left. names: those that remain."""
        reader = self.readers.get(user)
        if reader is not None:
            self.followers.remove(reader.row, reader.names - names)
            self.readers.rename(user, reader.names & names)

    def timeline(self, reader: Reader, below: Place) -> Iterator[Candidate]:
        """Yield the candidates of a timeline that stand below a place, newest first, down to complete_from.

        To be used up before anything else happens to the engine.
        """
        slots = self._tidy(reader.row)
        keys = self.table.sort_keys[slots]
        low = np.searchsorted(keys, int(self.timelines.complete_from[reader.row]), side="right")
        high = np.searchsorted(keys, below.sort_time_ms, side="right")
        run: list[Candidate] = []
        for slot in slots[low:high][::-1].tolist():
            candidate = Candidate(self.table.facts_at(slot), self.table.bodies[slot])
            if run and run[0].place.sort_time_ms != candidate.place.sort_time_ms:
                yield from _ordered(run, below)
                run = []
            run.append(candidate)
        yield from _ordered(run, below)

    def complete_from(self, reader: Reader) -> int:
        """Return the sort key above which a reader's timeline has every match."""
        return int(self.timelines.complete_from[reader.row])

    def covered(self, reader: Reader) -> int:
        """Return how many candidates stand above complete_from."""
        keys = self.table.sort_keys[self._tidy(reader.row)]
        return len(keys) - int(np.searchsorted(keys, self.complete_from(reader), side="right"))

    def present(self, facts: Facts) -> Candidate | None:
        """Return what the worker knows of an activity that history told of, None when it doesn't know it."""
        slot = self.table.slot_of(facts.id)
        return None if slot is None else Candidate(self.table.facts_at(slot), self.table.bodies[slot])

    def recent(self, names: Collection[str]) -> list[Candidate]:
        """Return what the window holds for any of names, in no order."""
        return [Candidate(self.table.facts_at(slot), self.table.bodies[slot]) for slot in self.window.slots_of(names)]

    def _tidy(self, row: int) -> Slots:
        """Return a row's slots, each once, by rising sort key; write them back so when they weren't.

        Then what is overwritten next is the oldest by key, and repetitions take no room.
        """
        slots = self.timelines.slots_of(row)
        steps = np.diff(self.table.sort_keys[slots])
        if np.all(steps > 0):
            return slots
        unique = np.unique(slots)
        if np.all(steps >= 0) and len(unique) == len(slots):
            return slots
        return self._fill(row, unique, int(self.timelines.complete_from[row]))

    def _fill(self, row: int, slots: Slots, complete_from: int) -> Slots:
        """Write slots (each once) into a row by rising sort key, the newest that fit, without those below complete_from."""
        keys = self.table.sort_keys[slots]
        order = np.argsort(keys, kind="stable")
        order = order[np.searchsorted(keys[order], complete_from, side="right") :]
        if len(order) > self.timelines.capacity:
            complete_from = max(complete_from, int(keys[order[-self.timelines.capacity - 1]]))
            order = order[-self.timelines.capacity :]
        self.timelines.build(row, keys[order], slots[order], complete_from)
        return slots[order]

    def _left_window(self, slots: Sequence[int]) -> None:
        for slot in slots:
            self.table.may_drop(slot)


def _new_names(before: Facts | None, facts: Facts, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names whose followers lack an activity, given what was delivered of it before.

    Who has it as a candidate needs it again only when it moved, or when more people may read it: a timeline built from
    history lacks what its reader could not read then.
    """
    if before is None or before.audience != facts.audience or before.sort_time_ms != facts.sort_time_ms:
        return names
    had = delivered_to(before)
    return tuple(name for name in names if name not in had)


def _ordered(run: list[Candidate], below: Place) -> Iterator[Candidate]:
    """Yield candidates of one millisecond by falling id, those below a place."""
    if len(run) > 1:
        run.sort(key=lambda candidate: candidate.place, reverse=True)
    for candidate in run:
        if candidate.place < below:
            yield candidate
