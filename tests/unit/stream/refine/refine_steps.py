"""Raw records, an output log and a worker's rules in memory, for tests of what the log ends up saying."""

from dataclasses import dataclass, field, replace

from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb
from services.contracts.codec import activity_from_bytes, activity_to_bytes
from services.contracts.interactions import interaction_from_record
from services.stream.refine.interaction_records import interaction_records
from services.stream.refine.owned_partitions import observe
from services.stream.refine.partition_refiner import PartitionRefiner
from services.stream.refine.winners import Winners

DAY = 1_700_000_000_000


@dataclass(frozen=True)
class Rec:
    """A record as a client delivers it."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: list = field(default_factory=list)
    topic: str = "t"
    partition: int = 0
    timestamp: int = DAY


def no_language(_line):
    """Classify nothing."""
    return "", 0.0


def activity(native_id="1", content="<p>Hello</p>", **changes):
    """Return a raw activity that acceptance would let through."""
    base = Activity(
        source=Source("activitystreams", "intranet.example", native_id),
        version=1,
        verb=Verb.POST,
        actor=Entity("person:anna", "Anna"),
        object=Object(content=content),
        audience=Audience(Scope.INTERNAL),
        published_ms=DAY,
        accepted_ms=DAY + 1000,
    )
    return replace(base, **changes).with_id()


def raw(offset, said):
    """Return the raw record of an activity."""
    return Rec(offset, said.id.encode(), activity_to_bytes(said))


class Log(list):
    """The output partition: a list of records; an offset is an index. interactions: the log of what its activities are on."""

    def __init__(self, *records):
        super().__init__(*records)
        self.interactions = []

    def append_emission(self, emission):
        """Append what a refiner emitted; return the offset."""
        self.append(Rec(len(self), emission.key, emission.value, emission.headers))
        return len(self) - 1

    def edges(self):
        """Return {key: interaction} that the log of interactions ends with."""
        last = {record.key: record.value for record in self.interactions}
        return {key: interaction_from_record(key, value) for key, value in last.items() if value}

    def last(self):
        """Return the activity that each key ends with: what a rebuild sees."""
        return {record.key.decode(): activity_from_bytes(record.value) for record in self}


class Writer:
    """Refines raw records into a log, as the worker does; `position` is the raw offset it has committed."""

    def __init__(self, log):
        self.log = log
        self.refused = []
        self.refiner = PartitionRefiner(Winners(), no_language)
        self.followed = 0
        self.follow()

    @property
    def winners(self):
        """What it knows."""
        return self.refiner.winners

    def write(self, *records):
        """Handle a slice of raw records."""
        self.finish(self.begin(*records))
        self.settle()

    def finish(self, taken):
        """Do the second half."""
        self.refused += [(record.offset, getattr(error, "reason", type(error).__name__)) for record, error in taken.refused]
        for emission in taken.emissions:
            offset = self.log.append_emission(emission)
            self.winners.confirm(emission.id_bytes, emission.folded, offset)

    def begin(self, *records):
        """Do the first half: whoever dies then has said what activities are on, and not the activities."""
        taken = self.refiner.take(records)
        self.log.interactions += taken.interactions
        return taken

    def follow(self):
        """Follow the output to its end, and repair what is hidden there; return how many were."""
        observe(self.winners, self.log[self.followed :], beside=self.followed > 0)
        self.followed = len(self.log)
        return self.settle()

    def settle(self):
        """Repair what is hidden; return how many were."""
        hidden = list(self.winners.unsettled)
        for key in hidden:
            winner = self.winners.table.get(key)
            message = pb.Activity.FromString(self.log[winner.offset].value)
            self.log.interactions += interaction_records(message, self.winners.unsettled[key])
            self.log.append(replace(self.log[winner.offset], offset=len(self.log)))
            self.winners.confirm(key, winner, len(self.log) - 1)
        return len(hidden)
