"""Raw records of one partition → what is to be written. Pure but for the state it keeps."""

from collections import Counter
from typing import NamedTuple

from services.contracts.cloud_events import Headers
from services.runtime.records import Record
from services.stream.refine.folding import Dropped, Folded, fold
from services.stream.refine.language import Classify
from services.stream.refine.raw_record import read_raw
from services.stream.refine.refined_record import headers_of
from services.stream.refine.refining import refine
from services.stream.refine.refusals import TOO_LARGE, VERSION_CONFLICT, Refused
from services.stream.refine.winners import Winners

# Below the topic's max.message.bytes, which counts the whole record: one that the broker refuses would stop the partition.
RECORD_LIMIT = 1_900_000

EMITTED = "emitted"
REFUSED = "refused"
FOLDED_BEFORE = "folded-before"


class Emission(NamedTuple):
    """A winner to be written to the output, in the partition of its raw record. id_bytes: for `Winners.confirm`."""

    id_bytes: bytes
    folded: Folded
    key: bytes
    value: bytes
    headers: Headers


class PartitionRefiner:
    """Folds and refines the records of one partition in the order of the log. outcomes: counts since `take_outcomes`."""

    def __init__(self, winners: Winners, classify: Classify) -> None:
        self.winners = winners
        self._classify = classify
        self._outcomes: Counter[str] = Counter()

    def take(self, record: Record) -> Emission | None:
        """Fold a raw record; return what must be written, None when nothing changes.

        The state counts the emission as the winner at once, so emissions are written in order and then confirmed, or the state
        is thrown away. Raises Refused for a record that belongs into the dead letter queue, with the state as it was.
        """
        winners = self.winners
        if record.offset <= winners.folded_to:
            self._outcomes[FOLDED_BEFORE] += 1
            return None
        winners.folded_to = record.offset
        try:
            outcome = self._fold(record)
        except Exception:
            self._outcomes[REFUSED] += 1
            raise
        if isinstance(outcome, Dropped):
            self._outcomes[outcome.value] += 1
            return None
        self._outcomes[EMITTED] += 1
        return outcome

    def take_outcomes(self) -> Counter[str]:
        """Return how many records had which outcome since the last call."""
        outcomes, self._outcomes = self._outcomes, Counter()
        return outcomes

    def _fold(self, record: Record) -> Emission | Dropped:
        raw = read_raw(record.key, record.value, record.timestamp)
        folded = fold(self.winners.get(raw.key), raw.incoming)
        if folded is Dropped.CONFLICT:
            raise Refused(VERSION_CONFLICT, "another content under the same version; the first one stays")
        if isinstance(folded, Dropped):
            return folded
        message = raw.message
        refine(message, folded, self._classify)
        value = message.SerializeToString(deterministic=True)
        if len(value) > RECORD_LIMIT:
            raise Refused(TOO_LARGE, f"refined, it has {len(value)} bytes; at most {RECORD_LIMIT} fit a record")
        key = message.id.encode()
        headers = headers_of(key, folded, record.offset, raw.incoming.accepted_ms)
        self.winners.expect(raw.key, folded)
        return Emission(raw.key, folded, key, value, headers)
