"""The parts of a feeds worker without servers and gRPC, wired as the real one wires them, over logs in memory."""

from collections.abc import Iterable, Sequence

from services.contracts.matching import Facts
from services.contracts.topics import IDENTITIES
from services.runtime.faust_batches import Batch
from services.runtime.records import TopicPartition
from services.stream.feeds.counting import Counts
from services.stream.feeds.dead_letters import DeadLetters
from services.stream.feeds.engine import EngineLimits, FeedEngine
from services.stream.feeds.history import History
from services.stream.feeds.identities import Identities
from services.stream.feeds.identity_log import IdentityLog
from services.stream.feeds.intake import Intake
from services.stream.feeds.owned_relations import TOPICS, OwnedRelations
from services.stream.feeds.pages import Page, PageAsk
from services.stream.feeds.reading import FeedReader
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.threads.asking import Thread, ThreadAsk
from tests.unit.stream.feeds.relation_log import RelationLog

#: Records of the broadcast by partition: what facts can be read from, and the record value.
Logs = Sequence[Sequence[tuple[Facts, bytes]]]


class Worker:
    """One worker. It starts broadcasting at what the indexer confessed, and owns nothing at first."""

    def __init__(
        self,
        records: Logs,
        relations: RelationLog,
        history: History,
        *,
        refreshed: Sequence[int],
        partitions: int,
        limits: EngineLimits,
    ) -> None:
        """refreshed: W, live. partitions: of the relation topics."""
        self.records = records
        self.relations = relations
        self.refreshed = refreshed
        self.engine = FeedEngine(limits)
        self.state = RelationState(partitions, Identities())
        self.owned = OwnedRelations(relations, self.state, self.engine, relations, DeadLetters(relations))
        intake = Intake(self.state, self.engine)
        self.identity_log = IdentityLog(None, self.state.identities, intake.identities)
        self.identities_to = 0
        self.reader = FeedReader(self.engine, self.state, history, self.catch_up, self._clock, least_asked=2)
        self._now = 0.0
        self.begin_anew()

    def _clock(self) -> float:
        self._now += 1
        return self._now

    # The broadcast.

    def begin_anew(self) -> None:
        """Forget all activities and start at W."""
        self.engine.reset()
        self.positions = list(self.refreshed)
        self.applied = list(self.refreshed)
        self.progress()

    def progress(self) -> None:
        """Take the indexer's word."""
        self.engine.advance(dict(enumerate(self.refreshed)))

    def arrive(self, partition: int, end: int) -> None:
        """Take records below an offset; what they mean for timelines may be undelivered after it."""
        self.deliver_slices()
        log = self.records[partition]
        for offset in range(self.positions[partition], min(end, len(log))):
            self.engine.arrive(partition, offset, *log[offset])
            self.positions[partition] = offset + 1

    def deliver_slice(self) -> bool:
        """Do the next bit, as the broadcast does between other work; return whether there is more."""
        more = self.engine.deliveries.deliver_slice()
        if not more:
            self.applied = list(self.positions)
        self.engine.tidy_step()
        return more

    def deliver_slices(self) -> None:
        """Do all that is left."""
        while self.deliver_slice():
            pass

    def deliver(self, partition: int, end: int) -> None:
        """Apply records below an offset."""
        self.arrive(partition, end)
        self.deliver_slices()

    def deliver_all(self) -> None:
        """Apply all there is."""
        for partition, log in enumerate(self.records):
            self.deliver(partition, len(log))

    def drop_bodies(self) -> None:
        """Forget the bodies that the index can give again: others took the room."""
        table = self.engine.table
        budget, table._body_budget = table._body_budget, 0
        self.progress()
        table._body_budget = budget

    async def catch_up(self, refreshed) -> None:
        """See CatchUp."""
        for partition, offset in refreshed.items():
            if self.applied[partition] < offset:
                self.deliver(partition, offset)

    # Relations.

    async def own(self, partitions: Iterable[int]) -> None:
        """Take note of an assignment."""
        await self.owned.take_over(frozenset(TopicPartition(topic, partition) for topic in TOPICS for partition in partitions))

    async def follow(self, tp: TopicPartition, committed: int) -> int:
        """Take what stands in a partition from the committed offset on; return what is to be committed."""
        records = self.relations.since(tp, committed)
        if not records:
            return committed
        batch = Batch(tp, records)
        await self.owned.take(batch)
        return batch.next_offset

    def follow_identities(self) -> None:
        """Take what is new of whose an account is."""
        tp = TopicPartition(IDENTITIES.name, 0)
        records = self.relations.since(tp, self.identities_to)
        if records:
            self.identity_log._take(records)
            self.identities_to = records[-1].offset + 1

    async def counts(self, ask: PageAsk) -> Counts:
        """Return what somebody whose partition is here has not seen and not read."""
        return await self.reader.counts(ask)

    async def thread(self, ask: ThreadAsk) -> Thread:
        """Return a page of a conversation for somebody whose partition is here."""
        return await self.reader.thread(ask)

    async def page(self, ask: PageAsk) -> Page:
        """Return a page of somebody whose partition is here."""
        return await self.reader.page(ask)
