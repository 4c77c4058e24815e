"""What is on one activity: its likes, shares and comments, counted by who may know of them."""

from collections.abc import Callable
from typing import Final, NamedTuple

from services.contracts.activity import Verb

KINDS: Final = (Verb.LIKE, Verb.SHARE, Verb.COMMENT)
#: A group is an audience's number and a kind in its lowest bits: what is counted alike for every reader.
KIND_BITS: Final = 2
_KIND: Final = (1 << KIND_BITS) - 1
COMMENT: Final = KINDS.index(Verb.COMMENT)


class Tally(NamedTuple):
    """Distinct observed edges. likes, shares: of different actors; comments: each."""

    likes: int = 0
    shares: int = 0
    comments: int = 0


NOTHING: Final = Tally()


class OneAudience(NamedTuple):
    """What is on an object where all of it is for the same audience, as it nearly always is."""

    audience: int
    counts: Tally

    def tally(self, is_readable: Callable[[int], bool]) -> Tally:
        """Count for one reader, as ObjectTally does."""
        return self.counts if is_readable(self.audience) else NOTHING

    def parts(self) -> "list[OneAudience]":
        """Return what is for each audience, as ObjectTally does."""
        return [self]


class ObjectTally:
    """The edges of one object by the ids of the interacting activities; putting and removing one is O(1).

    An actor counts once for each group, and once for all groups together of one kind that a reader may know of.
    """

    __slots__ = ("_counts", "_parts", "_several", "_standing", "_times")

    def __init__(self) -> None:
        self._standing: dict[bytes, tuple[int, int]] = {}
        # (group, actor) → how many of its edges stand.
        self._times: dict[tuple[int, int], int] = {}
        # group → different actors.
        self._counts: dict[int, int] = {}
        # (kind, actor) → the groups that the actor is in, where they are several.
        self._several: dict[tuple[int, int], list[int]] = {}
        # The counts of each audience, until an edge changes.
        self._parts: list[OneAudience] | None = None

    def __len__(self) -> int:
        return len(self._standing)

    def put(self, activity_id: bytes, group: int, actor: int) -> None:
        """Take an edge, or what has become of it. The same again changes nothing. actor: a number that stands for the name."""
        if group & _KIND == COMMENT:
            # Who comments twice has said two things.
            actor = 0
        if self._standing.get(activity_id) == (group, actor):
            return
        self.remove(activity_id)
        self._parts = None
        self._standing[activity_id] = group, actor
        times = self._times.get((group, actor), 0)
        self._times[group, actor] = times + 1
        if not times or group & _KIND == COMMENT:
            self._counts[group] = self._counts.get(group, 0) + 1
            self._note_several(group & _KIND, actor)

    def remove(self, activity_id: bytes) -> None:
        """Take an edge back; nothing happens when there is none."""
        gone = self._standing.pop(activity_id, None)
        if gone is None:
            return
        self._parts = None
        group, actor = gone
        left = self._times.pop(gone) - 1
        if left:
            self._times[gone] = left
        if not left or group & _KIND == COMMENT:
            self._counts[group] -= 1
            if not self._counts[group]:
                del self._counts[group]
            self._note_several(group & _KIND, actor)

    def parts(self) -> list[OneAudience]:
        """Return what is for each audience alone. Not to be changed."""
        if self._parts is None:
            self._parts = self._summed()
        return self._parts

    def tally(self, is_readable: Callable[[int], bool]) -> Tally:
        """Count for one reader. is_readable: whether she may know of what is for the audience of this number."""
        parts = self.parts()
        if len(parts) == 1:
            return parts[0].tally(is_readable)
        totals = [0] * len(KINDS)
        for audience, tally in parts:
            if is_readable(audience):
                totals = [total + count for total, count in zip(totals, tally, strict=True)]
        for (kind, _), groups in self._several.items():
            totals[kind] -= max(0, sum(is_readable(group >> KIND_BITS) for group in groups) - 1)
        return Tally(*totals)

    def _summed(self) -> list[OneAudience]:
        counts = self._counts
        audiences = {group >> KIND_BITS for group in counts}
        kinds = range(len(KINDS))
        return [
            OneAudience(audience, Tally(*(counts.get(audience << KIND_BITS | kind, 0) for kind in kinds)))
            for audience in audiences
        ]

    def _note_several(self, kind: int, actor: int) -> None:
        if kind == COMMENT:
            return
        groups = [group for group in self._counts if group & _KIND == kind and (group, actor) in self._times]
        if len(groups) > 1:
            self._several[kind, actor] = groups
        else:
            self._several.pop((kind, actor), None)
