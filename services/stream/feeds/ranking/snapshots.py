"""Orders that readers are paging through, in bounded memory."""

import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.contracts.errors import SluiceError
from services.contracts.matching import Facts
from services.stream.feeds.places import Place
from services.stream.feeds.ranking.evaluating import Scores

_MOST = 1_000
_MOST_A_READER = 4


class SnapshotGone(SluiceError):
    """The order that a page token goes on in isn't kept any more: begin again with the first page."""

    status = "OUT_OF_RANGE"
    reason = "RANKED_SNAPSHOT_GONE"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The candidates of a ranked feed at its first page, highest score first.

    facts, scores: of one length. top: the newest candidate's place. floor: where the feed goes on newest first; None at its end.
    """

    facts: Sequence[Facts]
    scores: Scores
    top: Place
    floor: Place | None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


class Snapshots:
    """The last snapshots: of each reader a few, of all a thousand. One of 800 candidates takes 13 kB."""

    def __init__(self, most: int = _MOST, most_a_reader: int = _MOST_A_READER) -> None:
        self._most = most
        self._most_a_reader = most_a_reader
        self._of: OrderedDict[str, OrderedDict[str, Snapshot]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def keep(self, user: str, snapshot: Snapshot) -> None:
        """Keep a snapshot, and forget what has been unused for longest where there are too many."""
        hers = self._of.setdefault(user, OrderedDict())
        self._of.move_to_end(user)
        hers[snapshot.id] = snapshot
        self._count += 1
        if len(hers) > self._most_a_reader:
            self._forget_first(user)
        while self._count > self._most:
            self._forget_first(next(iter(self._of)))

    def get(self, user: str, snapshot_id: str) -> Snapshot:
        """Return a snapshot of a user. Raises SnapshotGone."""
        hers = self._of.get(user)
        if hers is None or snapshot_id not in hers:
            raise SnapshotGone("the order of this feed isn't kept any more: read its first page again")
        self._of.move_to_end(user)
        hers.move_to_end(snapshot_id)
        return hers[snapshot_id]

    def _forget_first(self, user: str) -> None:
        self._of[user].popitem(last=False)
        self._count -= 1
        if not self._of[user]:
            del self._of[user]
