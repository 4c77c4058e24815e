"""What one output partition says, and where its last record of a key isn't the winner.

There should be one writer of a partition. A worker that lost it without noticing (a zombie) may still append for a while.
The owner follows its own output: a record that beats what is known is taken over, one that loses but lies behind the winner
makes the key unsettled, and the winner must be written again. Since ranks are the same for all, writers never fight.
"""

from services.contracts.interactions import NO_EDGE
from services.stream.refine.fold_table import FoldTable
from services.stream.refine.folding import Folded
from services.stream.refine.refined_record import Observed


class Winners:
    """The winners of one partition. folded_to: the last raw offset known to be folded, -1 before any.

    table: those that are in the log. The others are expected to be: written, or about to be, and not confirmed.
    """

    def __init__(self) -> None:
        self.table = FoldTable()
        self._expected: dict[bytes, Folded] = {}
        self.folded_to = -1
        #: Keys whose winner, or what it is on, must be written again → what the records that hide it are on.
        self.unsettled: dict[bytes, set[bytes]] = {}
        # What winners that two writers have written are on: what the second said of it may lie behind what the next version says.
        self._doubled: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> Folded | None:
        """Return the winner of key, expected ones included."""
        return self._expected.get(key) or self.table.get(key)

    def expect(self, key: bytes, folded: Folded) -> None:
        """Count folded as the winner of key from now on; it is about to be written."""
        self._expected[key] = folded

    def mark(self) -> tuple[int, dict[bytes, Folded]]:
        """Return what `back_to` needs to undo what is folded from now on. Nothing may be observed or confirmed in between."""
        return self.folded_to, dict(self._expected)

    def back_to(self, mark: tuple[int, dict[bytes, Folded]]) -> None:
        """Undo what was folded since mark."""
        self.folded_to, self._expected = mark

    def knows(self, key: bytes, offset: int) -> bool:
        """Return whether the winner of key is the record at that offset of the output."""
        stored = self.table.get(key)
        return stored is not None and stored.offset == offset

    def observe(self, observed: Observed, offset: int, *, beside: bool = False) -> None:
        """Take a record of the output into account. Records come with rising offsets; seeing some again changes nothing.

        Whoever wrote it had folded, and dead-lettered, all raw records up to its raw offset before: records of one writer are
        appended in order. beside: it was written while this worker wrote, too.
        """
        key, now = observed.key, observed.folded
        self.folded_to = max(self.folded_to, observed.raw_offset)
        if now is None:
            self.table.forget(key)
            self.unsettled.pop(key, None)
            return
        stored = self.table.get(key)
        if stored is None or now.rank > stored.rank:
            # Where ours lies behind it, ours is still to be observed, and unsettles the key then.
            self.table.put(key, now, offset)
            late = self.unsettled.pop(key, set()) | {self._doubled.pop(key, NO_EDGE)}
            if beside and stored is not None:
                # What we said that it is on may lie behind what they said.
                late = late | {stored.edge}
            if late := late - {NO_EDGE, now.edge}:
                self.unsettled[key] = late
        elif now.rank == stored.rank:
            if not beside and offset != stored.offset and now.edge:
                self._doubled[key] = now.edge
            if offset > stored.offset:
                self.table.put(key, now, offset)
                self.unsettled.pop(key, None)
        elif offset > stored.offset or now.edge != stored.edge:
            # Edges are written before their activities: those of a record that lies before the winner may lie behind the winner's.
            self.unsettled.setdefault(key, set()).add(now.edge)

    def confirm(self, key: bytes, folded: Folded, offset: int) -> None:
        """Note where the output has the winner; what was written last is the log's last word."""
        self.table.put(key, folded, offset)
        self.unsettled.pop(key, None)
        if self._expected.get(key) is folded:
            del self._expected[key]
