"""The feed engine of one worker: what arrives is written to the timelines of the readers it is for. No I/O, no waiting."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.contracts.matching import Facts, delivered_to
from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.deliveries import Deliveries
from services.stream.feeds.follower_index import FollowerIndex
from services.stream.feeds.likes import Likes
from services.stream.feeds.live.arrival_log import ArrivalLog
from services.stream.feeds.live.watcher import Watcher
from services.stream.feeds.live.watches import Watches
from services.stream.feeds.ordering import Ordering
from services.stream.feeds.places import TOP, Place, place_of
from services.stream.feeds.readers import Reader, Readers
from services.stream.feeds.sweeping import Sweep
from services.stream.feeds.timelines import EVERYTHING, Slots, Timelines
from services.stream.feeds.window import Window

_SWEEP_AFTER = 20_000


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """capacity: entries of a timeline. rows: readers kept at a time; one takes 4 bytes times capacity. body_bytes: of kept bodies.

    arrivals: records of the broadcast that live feeds can be resumed over.
    """

    capacity: int = 800
    rows: int = 20_000
    body_bytes: int = 256 * 1024 * 1024
    arrivals: int = 50_000


class Candidate(NamedTuple):
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
    her names that isn't pending, and she might read it when the row was built, her ring has it. Everything here keeps that
    sentence true, but for what `deliveries` has yet to write.
    """

    def __init__(self, limits: EngineLimits) -> None:
        self.limits = limits
        self.generation = 0
        self.watches = Watches()
        self.reset()

    def reset(self) -> None:
        """Forget everything, for a broadcast that begins anew. What was asked of history in an older generation is void."""
        self.generation += 1
        self.table = ActivityTable(self.limits.body_bytes)
        self.window = Window()
        self.timelines = Timelines(self.limits.rows, self.limits.capacity)
        self._ordering = Ordering(self.table, self.timelines)
        self.followers = FollowerIndex()
        self.readers = Readers(self.limits.rows)
        self.likes = Likes()
        self.deliveries = Deliveries(self.table, self.timelines)
        self._sweep: Sweep | None = None
        self._swept_at = 0
        self.arrivals = ArrivalLog(self.limits.arrivals)
        self.watches.end(self.watches.users())

    def arrive(self, partition: int, offset: int, facts: Facts, body: bytes) -> int:
        """Take a record of the broadcast and return to how many timelines it goes. Offsets of a partition rise.

        Before it counts as applied, call deliveries.deliver_slice until it returns False.
        """
        is_watched = bool(self.watches.by_name)
        known = self.table.known(facts.id) if is_watched else None
        slot, before = self.table.put(facts, body)
        names = delivered_to(facts)
        self.window.add(partition, offset, slot, names)
        self.arrivals.add(partition, offset, facts, known or before)
        if is_watched:
            self._tell(slot, names, known, facts)
        self.likes.apply(facts)
        found = self.followers.rows_of(names if before is None else _new_names(before, facts, names))
        return self.deliveries.add(slot, found) if found else 0

    def deliver_all(self) -> None:
        """Write everything that arrived to the timelines, in one go."""
        while self.deliveries.deliver_slice():
            continue

    def advance(self, refreshed: Mapping[int, int]) -> None:
        """Take the indexer's word for how much searches see; forget what nobody needs any more."""
        self.arrivals.begin(refreshed)
        self.table.may_drop(self.window.advance(refreshed))
        self.table.trim_bodies(self.window.__contains__)

    def tidy_step(self) -> None:
        """Do a few milliseconds of what keeps memory bounded, if there is need: call it between slices of other work."""
        if self._sweep is None:
            if self.deliveries.unfinished or len(self.table) <= self._swept_at + self._swept_at // 2 + _SWEEP_AFTER:
                return
            self.deliveries.flush()
            self._sweep = Sweep(self.table, self.timelines, self.readers.ever_used, self._must_stay())
        if not self._sweep.step():
            self._sweep = None
            self._swept_at = len(self.table)

    def sweep(self) -> int:
        """Free the slots that neither a timeline nor the window names, in one go; return how many."""
        self.deliver_all()
        sweep = Sweep(self.table, self.timelines, self.readers.ever_used, self._must_stay())
        while sweep.step():
            continue
        self._sweep = None
        self._swept_at = len(self.table)
        return sweep.freed

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
        self.deliveries.flush()
        self.evict(user)
        if idlest := self.readers.idlest():
            self.evict(idlest)
        reader = self.readers.open(user, names, now, employee=employee)
        self.followers.add(reader.row, names)
        self.likes.open(user, likes)
        slots = [self.table.learn(candidate.facts, candidate.body) for candidate in candidates]
        self._ordering.write(reader.row, np.array(slots, np.int32), EVERYTHING if floor is None else floor.sort_time_ms)
        return reader

    def extend(self, user: str, names: frozenset[str], candidates: Sequence[Candidate], floor: Place | None) -> None:
        """Add to an active reader's timeline what she has come to follow. candidates, floor: as of activate, for names only."""
        reader = self.readers.get(user)
        if reader is None:
            return
        self.deliveries.flush()
        slots = [self.table.learn(candidate.facts, candidate.body) for candidate in candidates]
        complete_from = max(self.complete_from(reader), EVERYTHING if floor is None else floor.sort_time_ms)
        both = np.concatenate((self.timelines.slots_of(reader.row), np.array(slots, np.int32)))
        self._ordering.write(reader.row, both, complete_from)
        self.readers.rename(user, reader.names, reader.pending - names)

    def evict(self, user: str) -> None:
        """Forget a reader's timeline; her next read builds it anew. Nothing happens when she has none."""
        reader = self.readers.close(user)
        if reader is not None:
            self.deliveries.flush()
            self.followers.remove(reader.row, reader.names)
            self.timelines.evict(reader.row)
            if not self.watches.watches(user):
                self.likes.close(user)

    def watch(self, watcher: Watcher) -> None:
        """Tell a watcher from now on what may have changed for her. What her user likes is kept though her timeline is evicted."""
        self.watches.add(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Tell a watcher no more."""
        self.watches.remove(watcher)
        user = watcher.ask.user
        if not self.watches.watches(user) and self.readers.get(user) is None:
            self.likes.close(user)

    def counted(self, activity_ids: Collection[str]) -> None:
        """Tell watchers that something is on activities, or no longer."""
        if not self.watches.by_name:
            return
        for slot in filter(None, map(self.table.slot_of, activity_ids)):
            self.watches.counted(slot, self.table.facts_at(slot))

    def set_names(self, user: str, names: frozenset[str]) -> None:
        """Deliver to an active reader under names from now on; what is new among them is pending until `extend`."""
        reader = self.readers.get(user)
        if reader is None or reader.names == names:
            return
        self.deliveries.flush()
        self.followers.remove(reader.row, reader.names - names)
        self.followers.add(reader.row, names - reader.names)
        # A name that went and comes back before it was filled in is as new.
        self.readers.rename(user, names, (reader.pending & names) | (names - reader.names))

    def slots_below(self, reader: Reader, below: Place) -> Slots:
        """Return the slots of a timeline's candidates below a place, oldest first, down to complete_from.

        To be used up before anything else happens to the engine.
        """
        self.deliveries.flush()
        slots = self._ordering.read(reader.row)
        if below is TOP:
            return slots
        high = int(self.table.sort_keys.take(slots).searchsorted(below.sort_time_ms, side="right"))
        while high and place_of(self.table.facts_at(int(slots[high - 1]))) >= below:
            high -= 1
        return slots[:high]

    def newest_slots(self, reader: Reader) -> Slots:
        """Return the slots of a timeline's newest candidates, oldest first, as many as come cheaply; none where that takes slots_below."""
        self.deliveries.flush()
        return self._ordering.read_newest(reader.row)

    def timeline(self, reader: Reader, below: Place) -> Iterator[Candidate]:
        """Yield the candidates of `slots_below`, newest first."""
        facts, bodies = self.table.facts_at, self.table.bodies
        for slot in self.slots_below(reader, below)[::-1].tolist():
            yield Candidate(facts(slot), bodies[slot])

    def complete_from(self, reader: Reader) -> int:
        """Return the sort key above which a reader's timeline has every match."""
        return int(self.timelines.complete_from[reader.row])

    def covered(self, reader: Reader) -> int:
        """Return how many candidates stand above complete_from."""
        return len(self.slots_below(reader, TOP))

    def present(self, facts: Facts) -> Candidate | None:
        """Return what the worker knows of an activity that history told of, None when it doesn't know it."""
        return self.known(facts.id)

    def known(self, activity_id: str) -> Candidate | None:
        """Return what the worker knows of an activity, None when it doesn't know it."""
        slot = self.table.slot_of(activity_id)
        return None if slot is None else Candidate(self.table.facts_at(slot), self.table.bodies[slot])

    def _tell(self, slot: int, names: tuple[str, ...], known: Facts | None, facts: Facts) -> None:
        """Tell watchers of a record. known: of its activity until then; likes have yet to take it."""
        self.watches.arrived(slot, names, known)
        for user, activity_id in self.likes.changed_by(facts):
            liked = self.table.slot_of(activity_id)
            if liked is not None:
                self.watches.liked(user, liked)

    def _must_stay(self) -> Iterator[int]:
        """Yield the slots that are named by more than timelines."""
        yield from self.window
        for slots in self.watches.slots():
            yield from slots.tolist()

    def recent(self, names: Collection[str]) -> list[Candidate]:
        """Return what the window holds for any of names, in no order."""
        return [Candidate(self.table.facts_at(slot), self.table.bodies[slot]) for slot in self.window.slots_of(names)]


def _new_names(before: Facts | None, facts: Facts, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names whose followers lack an activity, given what was delivered of it before.

    Who has it as a candidate needs it again only when it moved, or when more people may read it: a timeline built from
    history lacks what its reader could not read then.
    """
    if before is None or before.audience != facts.audience or before.sort_time_ms != facts.sort_time_ms:
        return names
    had = delivered_to(before)
    return tuple(name for name in names if name not in had)
