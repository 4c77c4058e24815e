"""What a read may show and must show while relations and activities change under it. Pure; times in seconds of one clock.

A change that is under way may or may not be in force; one that was answered is. A record of an activity counts for a worker at the
latest `stale_s` after Kafka had it, because a worker that is further behind doesn't answer.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from services.contracts.activity import Activity
from services.contracts.relations import RelationKind
from tests.unit.stream.feeds.reference import Society, in_feed

_SETS = {
    RelationKind.FOLLOWS: "follows",
    RelationKind.MEMBER_OF: "groups",
    RelationKind.MUTES: "mutes",
    RelationKind.BLOCKS: "blocks",
}
_OPENING = frozenset({RelationKind.FOLLOWS, RelationKind.MEMBER_OF})


@dataclass(slots=True)
class Change:
    """An edge was made or taken back, between the first call and the answer."""

    present: bool
    called: float
    answered: float = inf


@dataclass(frozen=True, slots=True)
class Version:
    """A state of an activity. sent: when its record was handed over; kept: when Kafka had it."""

    activity: Activity
    sent: float
    kept: float


@dataclass(frozen=True, slots=True)
class Read:
    """One page that somebody got. shown: id and text of each entry in order; more: whether pages follow. partial: as the page said."""

    user: str
    began: float
    ended: float
    shown: Sequence[tuple[str, str]]
    more: bool = False
    partial: bool = False
    by: str = ""


@dataclass(slots=True)
class Past:
    """Everything that happened. Changes of one subject come one after the other, versions of one activity in the order of the log."""

    stale_s: float
    changes: defaultdict[str, dict[tuple[RelationKind, str], list[Change]]] = field(default_factory=lambda: defaultdict(dict))
    versions: dict[str, list[Version]] = field(default_factory=dict)
    blocked_by: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    places: list[tuple[int, str]] = field(default_factory=list)
    doubtful: set[tuple[str, RelationKind, str]] = field(default_factory=set)

    def began(self, subject: str, kind: RelationKind, obj: str, *, present: bool, at: float) -> Change:
        """Note that a change is asked for; set `answered` when it is."""
        change = Change(present, at)
        self.changes[subject].setdefault((kind, obj), []).append(change)
        if kind is RelationKind.BLOCKS:
            self.blocked_by[obj].add(subject)
        return change

    def doubt(self, at: float) -> None:
        """Leave open what becomes of the edges whose change was under way at a time: who has it in hand may write it, much later, again.

        That is what UNAVAILABLE says of a change: it may still come into force.
        """
        for subject, edges in self.changes.items():
            for (kind, obj), changes in edges.items():
                if any(change.called <= at < change.answered for change in changes):
                    self.doubtful.add((subject, kind, obj))

    def wrote(self, version: Version) -> None:
        """Note a new state of an activity; its place stays."""
        versions = self.versions.setdefault(version.activity.id, [])
        versions.append(version)
        if len(versions) == 1:
            insort(self.places, (version.activity.sort_time_ms, version.activity.id))

    def latest(self) -> list[Activity]:
        """Return the last state of every activity."""
        return [versions[-1].activity for versions in self.versions.values()]

    def society(self, user: str, began: float, ended: float, *, widest: bool) -> Society:
        """Return the relations with which a user would see the most (or the least) that she could have seen between two times."""
        society = Society()
        for subject in {user, *self.blocked_by[user]}:
            for (kind, obj), changes in self.changes[subject].items():
                if subject != user and (kind, obj) != (RelationKind.BLOCKS, user):
                    continue
                wide = (kind in _OPENING) is widest
                settled = (_possible if wide else _certain)(changes, began, ended)
                if wide if (subject, kind, obj) in self.doubtful else settled:
                    society_add(society, subject, kind, obj)
        return society

    def wrongs(self, read: Read) -> list[str]:
        """Return what is wrong with a read; nothing when it is right."""
        widest = self.society(read.user, read.began, read.ended, widest=True)
        found = [wrong for entry in read.shown if (wrong := self._wrong(read, widest, *entry))]
        places = [self._place(activity_id) for activity_id, _ in read.shown]
        if places != sorted(set(places), reverse=True):
            found.append(f"{read.user} got entries twice or in disorder")
        return found if read.partial or found else self._lacking(read, set(places))

    def _wrong(self, read: Read, widest: Society, activity_id: str, text: str) -> str:
        versions = self.versions.get(activity_id, [])
        shown = [number for number, version in enumerate(versions) if version.activity.text == text]
        if not any(self._current(versions, number, read) for number in shown):
            return f"{read.user} was shown a state of {activity_id} that was over, or never was"
        if not any(in_feed(versions[number].activity, read.user, widest, employee=True) for number in shown):
            return f"{read.user} was shown {activity_id}, which isn't for her"
        return ""

    def _current(self, versions: Sequence[Version], number: int, read: Read) -> bool:
        over = versions[number + 1].kept + self.stale_s if number + 1 < len(versions) else inf
        return versions[number].sent <= read.ended and read.began <= over

    def _lacking(self, read: Read, shown: set[tuple[int, str]]) -> list[str]:
        """Return what is missing between the top of the feed and the last entry shown."""
        least = self.society(read.user, read.began, read.ended, widest=False)
        above = self.places[bisect_right(self.places, min(shown)) :] if read.more and shown else self.places
        found = []
        for _, activity_id in set(above) - shown:
            last = self._settled(self.versions[activity_id], read)
            if last is not None and in_feed(last, read.user, least, employee=True):
                found.append(f"{read.user} was not shown {activity_id}")
        return found

    def _settled(self, versions: Sequence[Version], read: Read) -> Activity | None:
        """Return the state that an activity must have had during a read, None where that isn't certain."""
        known = bisect_left([version.sent for version in versions], read.ended)
        if not known or versions[known - 1].kept + self.stale_s > read.began:
            return None
        return versions[known - 1].activity

    def _place(self, activity_id: str) -> tuple[int, str]:
        versions = self.versions.get(activity_id)
        return (versions[0].activity.sort_time_ms if versions else -1, activity_id)


def society_add(society: Society, subject: str, kind: RelationKind, obj: str) -> None:
    """Add an edge."""
    getattr(society.edges[subject], _SETS[kind]).add(obj)


def _possible(changes: Iterable[Change], began: float, ended: float) -> bool:
    """Return whether an edge may have been there at some time between two."""
    return any(state is not False for state in _states(changes, began, ended))


def _certain(changes: Iterable[Change], began: float, ended: float) -> bool:
    """Return whether an edge was there all the time between two."""
    return all(state is True for state in _states(changes, began, ended))


def _states(changes: Iterable[Change], began: float, ended: float) -> list[bool | None]:
    """Return the states that an edge had between two times, one after the other; None where it may have had either."""
    states, present, since = [], False, -inf
    for change in changes:
        if since <= ended and change.called >= began:
            states.append(present)
        if change.called <= ended and change.answered >= began and change.present is not present:
            states.append(None)
        present, since = change.present, change.answered
    if since <= ended:
        states.append(present)
    return states
