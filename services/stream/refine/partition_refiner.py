"""Raw records of one partition → what is to be written. Pure but for the state it keeps."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.contracts.cloud_events import Headers
from services.contracts.interactions import NO_EDGE
from services.runtime.records import Record
from services.stream.refine.folding import Dropped, Folded, fold
from services.stream.refine.interaction_records import InteractionRecord, interaction_records
from services.stream.refine.language import Classify
from services.stream.refine.raw_record import RawRecord, read_raw
from services.stream.refine.refined_record import headers_of
from services.stream.refine.refining import refine_all
from services.stream.refine.refusals import TOO_LARGE, VERSION_CONFLICT, Refused
from services.stream.refine.winners import Winners

# Below the topic's max.message.bytes, which counts the whole record: one that the broker refuses would stop the partition.
RECORD_LIMIT = 1_900_000

_CONFLICT = "another content under the same version, and for no fewer; the first one stays"

EMITTED = "emitted"
# Emitted for nobody, and counted here besides: see `folding`.
CLOSED = "closed"
REFUSED = "refused"
FOLDED_BEFORE = "folded-before"


class Emission(NamedTuple):
    """A winner to be written to the output, in the partition of its raw record. id_bytes: for `Winners.confirm`."""

    id_bytes: bytes
    folded: Folded
    key: bytes
    value: bytes
    headers: Headers


@dataclass(slots=True)
class Taken:
    """What became of a slice of raw records. refused: those that belong into the dead letter queue, with why.

    interactions: to be written before the emissions.
    """

    emissions: list[Emission] = field(default_factory=list)
    interactions: list[InteractionRecord] = field(default_factory=list)
    refused: list[tuple[Record, Exception]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def refuse(self, record: Record, error: Exception) -> None:
        """Note a record that is refused."""
        self.refused.append((record, error))
        self.outcomes[REFUSED] += 1

    def add(self, other: "Taken") -> None:
        """Put what came after behind it."""
        self.emissions += other.emissions
        self.interactions += other.interactions
        self.refused += other.refused
        self.outcomes += other.outcomes


class PartitionRefiner:
    """Folds and refines the records of one partition in the order of the log."""

    def __init__(self, winners: Winners, classify: Classify) -> None:
        self.winners = winners
        self._classify = classify

    def take(self, records: Sequence[Record]) -> Taken:
        """Fold a slice of raw records; return what must be written. Raises MemoryError.

        The state counts the emissions as winners at once, so they are written in order and then confirmed, or the state is thrown
        away. A record that is refused leaves the state as it was.
        """
        mark = self.winners.mark()
        try:
            return self._take_together(records)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - what a record can provoke is not known in advance
            self.winners.back_to(mark)
            taken = Taken()
            if len(records) == 1:
                self.winners.folded_to = records[0].offset
                taken.refuse(records[0], error)
                return taken
        # One of them can't be refined. Those before it decide what those behind it mean, so each is taken on its own.
        for record in records:
            taken.add(self.take([record]))
        return taken

    def _take_together(self, records: Sequence[Record]) -> Taken:
        """Do what take does; raises what one of the records provokes once it is folded, with the state changed."""
        taken = Taken()
        chosen = self._fold(records, taken)
        refine_all([raw.message for _, raw, *_ in chosen], [folded for _, _, folded, _ in chosen], self._classify)
        taken.emissions = [_emission(record, raw, folded) for record, raw, folded, _ in chosen]
        for _, raw, folded, before in chosen:
            if folded.edge or before:
                taken.interactions += interaction_records(raw.message, [before])
        if chosen:
            taken.outcomes[EMITTED] = len(chosen)
        return taken

    def _fold(self, records: Sequence[Record], taken: Taken) -> list[tuple[Record, RawRecord, Folded, bytes]]:
        """Return the winners among records, each with what its activity was on before; what became of the others is put into taken."""
        winners, chosen = self.winners, []
        for record in records:
            if record.offset <= winners.folded_to:
                taken.outcomes[FOLDED_BEFORE] += 1
                self._tell_again(record)
                continue
            winners.folded_to = record.offset
            try:
                raw = read_raw(record.key, record.value, record.timestamp)
            except Refused as refused:
                taken.refuse(record, refused)
                continue
            stored = winners.get(raw.key)
            outcome = fold(stored, raw.incoming)
            if isinstance(outcome, Folded):
                winners.expect(raw.key, outcome)
                chosen.append((record, raw, outcome, stored.edge if stored else NO_EDGE))
                if outcome.audience != raw.incoming.audience:
                    raw.message.audience.Clear()
                    taken.outcomes[CLOSED] += 1
            elif outcome is Dropped.CONFLICT:
                taken.refuse(record, Refused(VERSION_CONFLICT, _CONFLICT))
            else:
                taken.outcomes[outcome.value] += 1
        return chosen

    def _tell_again(self, record: Record) -> None:
        """Have what an activity is on written again, if a record that was folded before says something else.

        Whoever had it last may have died between the edge and the activity, while somebody else went on: the edge then lies behind.
        """
        try:
            raw = read_raw(record.key, record.value, record.timestamp)
        except Refused:
            return
        stored = self.winners.table.get(raw.key)
        if stored is not None and stored.edge != raw.incoming.edge:
            self.winners.unsettled.setdefault(raw.key, set()).add(raw.incoming.edge)


def _emission(record: Record, raw: RawRecord, folded: Folded) -> Emission:
    value = raw.message.SerializeToString(deterministic=True)
    if len(value) > RECORD_LIMIT:
        raise Refused(TOO_LARGE, f"refined, it has {len(value)} bytes; at most {RECORD_LIMIT} fit a record")
    key = raw.message.id.encode()
    headers = headers_of(key, folded, record.offset, raw.incoming.accepted_ms)
    return Emission(raw.key, folded, key, value, headers)
