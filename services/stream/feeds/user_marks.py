"""What one user has marked, for looking up: single marks, and the places up to which she has read and seen."""

from collections.abc import Mapping

from services.contracts.marked_places import MarkedPlace, place_of_digits
from services.contracts.matching import Facts
from services.contracts.relation_codec import MarkerKind

#: Below every place: nothing is marked up to it.
_NOWHERE = MarkedPlace(-1, "")


class UserMarks:
    """The marks of one user, live. Do not change the sets but through `put`."""

    __slots__ = ("_sets", "done", "empty", "read", "read_up_to", "saved", "seen", "seen_up_to", "unread")

    def __init__(self, marked: Mapping[MarkerKind, set[str]]) -> None:
        """Take marked: kind → ids (or places) marked so; the sets become its own."""
        self._sets = {kind: marked.get(kind, set()) for kind in MarkerKind}
        self.saved = self._sets[MarkerKind.SAVED]
        self.done = self._sets[MarkerKind.DONE]
        self.read = self._sets[MarkerKind.READ]
        self.seen = self._sets[MarkerKind.SEEN]
        self.unread = self._sets[MarkerKind.HOME_UNREAD]
        self._look()

    def __len__(self) -> int:
        return sum(map(len, self._sets.values()))

    def of(self, kind: MarkerKind) -> set[str]:
        """Return the ids (or places) of a kind."""
        return self._sets[kind]

    def changed(self, kind: MarkerKind) -> None:
        """Take note that the set of a kind has changed."""
        if kind in _UP_TO or self.empty or not self._sets[kind]:
            self._look()

    def is_read(self, facts: Facts) -> bool:
        """Return whether an activity counts as read in the home feed."""
        if facts.id in self.read:
            return True
        return self.read_up_to.covers(facts.sort_time_ms, facts.id) and facts.id not in self.unread

    def is_seen(self, facts: Facts) -> bool:
        """Return whether an activity counts as seen in the home feed: what was read was seen."""
        return facts.id in self.seen or self.seen_up_to.covers(facts.sort_time_ms, facts.id) or self.is_read(facts)

    def _look(self) -> None:
        #: Whether nothing at all is marked.
        self.empty = not any(self._sets.values())
        self.read_up_to = _highest(self._sets[MarkerKind.HOME_READ_UP_TO])
        self.seen_up_to = _highest(self._sets[MarkerKind.HOME_SEEN_UP_TO])


_UP_TO = frozenset({MarkerKind.HOME_READ_UP_TO, MarkerKind.HOME_SEEN_UP_TO})


def _highest(places: set[str]) -> MarkedPlace:
    return place_of_digits(max(places)) if places else _NOWHERE
