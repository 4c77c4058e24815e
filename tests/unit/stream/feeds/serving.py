"""What servers may do: fall behind, go back, stop, move partitions, tidy up, and write what is no longer theirs to write."""

from hypothesis import strategies as st

from services.stream.feeds.edge_columns import REMEMBERED_S
from tests.unit.stream.feeds import drawn
from tests.unit.stream.feeds.activity_log import ACTIVITY_PARTITIONS
from tests.unit.stream.feeds.house import House
from tests.unit.stream.feeds.people import PARTITIONS


class Serving:
    """Happenings in a house, each with the strategies of its arguments in SERVING."""

    house: House

    # Broadcast and index.

    def broadcast(self, worker, partition, records):
        """A worker takes some records."""
        worker = self.house.workers[worker]
        worker.deliver(partition, worker.positions[partition] + records)

    def arrive(self, worker, partition, records, slices):
        """What goes to many is delivered a bit at a time; whatever happens next comes in between."""
        worker = self.house.workers[worker]
        worker.arrive(partition, worker.positions[partition] + records)
        self.deliver_slices(self.house.workers.index(worker), slices)

    def deliver_slices(self, worker, slices):
        """The next bits, with a step of tidying up after each."""
        for _ in range(slices):
            self.house.workers[worker].deliver_slice()

    def hear_of_accounts(self, worker):
        """A worker takes what is new of whose an account is."""
        self.house.workers[worker].follow_identities()

    def index(self, partition, records, confess):
        """The index shows more, and may say so."""
        self.house.index(partition, records, confess=confess)

    def index_everything(self, confess):
        """The index shows all, and may say so."""
        self.house.index_everything(confess=confess)

    def index_goes_back(self, partition, records):
        """The index forgets its last moments and says so; the broadcast begins anew from there."""
        self.house.forget_in_index(partition, records)

    # Workers.

    def sweep(self, worker):
        """Tidy up at once."""
        self.house.workers[worker].engine.sweep()

    def tidy(self, worker, slices):
        """Tidy up in steps; whatever happens next comes in between."""
        for _ in range(slices):
            self.house.workers[worker].engine.tidy_step()

    def drop_bodies(self, worker):
        """Others' bodies took the room."""
        self.house.workers[worker].drop_bodies()

    def evict(self, user):
        """Others needed the room."""
        self.house.owner_of(user).engine.evict(user)

    def restart(self, worker):
        """A worker is killed and started."""
        self.house.restart(worker)

    def move(self, partition, worker, noticed):
        """A rebalance, which an owner that stands still doesn't notice."""
        self.house.move(partition, worker, noticed=noticed)

    # The relation topics.

    def write_as_zombie(self, partition, nth):
        """An owner that lost a partition has not noticed yet, and derives inverse edges, late."""
        self.house.write_as_zombie(partition, nth)

    def settle_relations(self):
        """Owners apply what there is."""
        self.house.settle_relations()

    def compact(self):
        """Brokers keep the last record of a key."""
        self.house.compact()

    def pass_a_day(self):
        """After that no zombie writes, and what was taken back may be forgotten."""
        self.house.relations.now_ms += REMEMBERED_S * 1000


_worker = {"worker": st.integers(0, 1)}
_broadcast = _worker | {"partition": st.integers(0, ACTIVITY_PARTITIONS - 1), "records": st.integers(1, 6)}
_slices = {"slices": st.integers(0, 4)}
_confess = {"confess": st.booleans()}

#: Name of the happening → strategies of its arguments.
SERVING = [
    ("broadcast", _broadcast),
    ("arrive", _broadcast | _slices),
    ("deliver_slices", _worker | _slices),
    ("hear_of_accounts", _worker),
    ("index", {"partition": _broadcast["partition"], "records": st.integers(1, 20)} | _confess),
    ("index_everything", _confess),
    ("index_goes_back", {"partition": _broadcast["partition"], "records": st.integers(1, 6)}),
    ("sweep", _worker),
    ("tidy", _worker | _slices),
    ("drop_bodies", _worker),
    ("evict", {"user": drawn.users}),
    ("restart", _worker),
    ("move", {"partition": st.integers(0, PARTITIONS - 1), "noticed": st.sampled_from([True, True, False])} | _worker),
    ("write_as_zombie", {"partition": st.integers(0, PARTITIONS - 1), "nth": st.integers(0, 9)}),
    ("settle_relations", {}),
    ("compact", {}),
    ("pass_a_day", {}),
]
