"""A house to play in: the logs, the index, two feeds workers with the partitions of users between them, and the reference beside it.

Whatever is done to the logs is done to the reference's plain sets as well; `check` compares the two.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from services.contracts.codec import activity_from_bytes
from services.contracts.feed_filter import NO_FILTER
from services.contracts.partitions import partition_of
from services.contracts.relation_codec import MarkerKind
from services.contracts.relations import WORD
from services.contracts.topics import MARKERS, RELATIONS, RELATIONS_INVERSE
from services.runtime.records import TopicPartition
from services.stream.feeds.counting import Counts
from services.stream.feeds.edge_columns import REMEMBERED_S
from services.stream.feeds.engine import EngineLimits
from services.stream.feeds.owned_relations import TOPICS
from services.stream.feeds.pages import Page, PageAsk
from services.stream.feeds.places import TOP, Place
from tests.unit.stream.feeds.activity_log import ActivityLog
from tests.unit.stream.feeds.feeds_worker import Worker
from tests.unit.stream.feeds.people import ACCOUNTS, GROUPS, PARTITIONS, SETS, USERS, People
from tests.unit.stream.feeds.reference import feed, saved

SMALL = EngineLimits(capacity=5, rows=2, body_bytes=300)

_MOST_PAGES = 300
Shown = tuple[str, bool, bool, bool, bool, bool, str]


class House(ActivityLog, People):
    """Logs, index, workers and reference. owners: partition of users → number of the worker that owns it."""

    def __init__(self, limits: EngineLimits = SMALL) -> None:
        ActivityLog.__init__(self)
        People.__init__(self)
        self.limits = limits
        self.committed: defaultdict[TopicPartition, int] = defaultdict(int)
        # asyncio.Runner looks after signals at every call, which costs more than most calls here.
        self.loop = asyncio.new_event_loop()
        self.owners = [0, 0, 1]
        self.workers = [self._started(number) for number in (0, 1)]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Wait for something."""
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        """End it."""
        self.loop.close()

    # Servers.

    def owner_of(self, user: str) -> Worker:
        """Return the worker that answers for a user."""
        return self.workers[self.owners[partition_of(user, PARTITIONS)]]

    def restart(self, number: int) -> None:
        """Kill a worker and start it again."""
        self.workers[number] = self._started(number)

    def _worker(self, limits: EngineLimits) -> Worker:
        refreshed = self.history.confessed
        return Worker(self.records, self.relations, self.history, refreshed=refreshed, partitions=PARTITIONS, limits=limits)

    def _started(self, number: int) -> Worker:
        worker = self._worker(self.limits)
        worker.follow_identities()
        self.run(worker.own(self._owned_by(number)))
        return worker

    def move(self, partition: int, number: int, *, noticed: bool = True) -> None:
        """Give a partition of users to another worker: it is taken from the one, and the other reads it back.

        noticed: the former owner hears of it. Otherwise, when it gets the partition again it believes that it never lost it.
        """
        before, self.owners[partition] = self.owners[partition], number
        if noticed and before != number:
            self.run(self.workers[before].own(self._owned_by(before)))
        self.run(self.workers[number].own(self._owned_by(number)))

    def _owned_by(self, number: int) -> list[int]:
        return [partition for partition, owner in enumerate(self.owners) if owner == number]

    def write_as_zombie(self, partition: int, nth: int) -> None:
        """Derive once more, and late, what an old owner of a partition read from it.

        nth: from the end, of records that are overtaken, if there are any, and at most a day old.
        """
        records = self.relations.since(TopicPartition(RELATIONS.name, partition), 0)
        young = [record for record in records if record.timestamp > self.relations.now_ms - REMEMBERED_S * 1000]
        last = {record.key: record for record in records}
        if some := [record for record in young if last[record.key] is not record] or young:
            zombie = self._worker(EngineLimits(1, 1, 1))
            self.run(zombie.owned._derive_inverse([some[-1 - nth % len(some)]]))

    def compact(self) -> None:
        """Let the brokers tidy up, after everybody has read what there is: min.compaction.lag sees to that."""
        self.settle_relations()
        for tp in (TopicPartition(topic, partition) for topic in TOPICS for partition in range(PARTITIONS)):
            self.relations.compact(tp)

    def heard_of_progress(self) -> None:
        """Tell every worker that the index shows more."""
        for worker in self.workers:
            worker.progress()

    def heard_of_loss(self) -> None:
        """Tell every worker that the index shows less: every broadcast begins anew."""
        for worker in self.workers:
            worker.begin_anew()

    def deliver_all(self, user: str) -> Worker:
        """Let the owner of a user apply all activities and identities there are."""
        worker = self.owner_of(user)
        worker.follow_identities()
        worker.deliver_all()
        return worker

    # Relations.

    def settle_relations(self) -> None:
        """Let all owners apply everything, and whatever comes of that."""
        self.run(self._settle())

    def follow_partition(self, tp: TopicPartition) -> None:
        """Let the owner of a partition apply what it has not."""
        self.run(self._follow(tp))

    async def _settle(self) -> None:
        await self._follow_all(RELATIONS.name)
        await self._follow_all(MARKERS.name)
        before = None
        while before != (before := dict(self.committed)):
            await self._follow_all(RELATIONS_INVERSE.name)

    async def _follow_all(self, topic: str) -> None:
        for partition in range(PARTITIONS):
            await self._follow(TopicPartition(topic, partition))

    async def _follow(self, tp: TopicPartition) -> None:
        worker = self.workers[self.owners[tp.partition]]
        self.committed[tp] = await worker.follow(tp, self.committed[tp])

    # Reading.

    def page(
        self, user: str, size: int = 10, below: Place = TOP, top: Place | None = None, *, employee=True, asked=NO_FILTER, of=""
    ) -> Page:
        """Read one page from the owner, as it is now."""
        return self.run(self.owner_of(user).page(page_ask(user, size, below, top, employee=employee, asked=asked, of=of)))

    def page_while(self, happening: Callable[[], object], question: int, user: str, size: int = 10, **asked: Any) -> Page:
        """Read a page; let something happen between its nth question to history, if there is one, and the answer."""
        self.history.hold_at(question)
        reading = self.loop.create_task(self.owner_of(user).page(page_ask(user, size, **asked)))
        holding = self.loop.create_task(self.history.held.wait())
        self.run(asyncio.wait((reading, holding), return_when=asyncio.FIRST_COMPLETED))
        if holding.done():
            happening()
        holding.cancel()
        self.history.release()
        return self.run(asyncio.wait_for(reading, None))

    def page_through(
        self,
        user: str,
        size: int = 10,
        below: Place | None = TOP,
        top: Place | None = None,
        *,
        employee=True,
        asked=NO_FILTER,
        of="",
    ) -> list[Shown]:
        """Read on to the end. A page that is short must be the last."""
        entries, pages = list[Shown](), 0
        while below is not None:
            page = self.page(user, size, below, top, employee=employee, asked=asked, of=of)
            assert not page.partial
            assert len(page.entries) == size or page.below is None, "a page is short only at the end"
            entries += shown(page)
            below, top, pages = page.below, page.top, pages + 1
            assert pages < _MOST_PAGES
        return entries

    def saved_page(self, user: str, size: int = 10, below=TOP, top=None, *, employee=True, asked=NO_FILTER) -> Page:
        """Read one page of what a user has saved."""
        ask = page_ask(user, size, below, top, employee=employee, asked=asked)._replace(saved=True)
        return self.run(self.owner_of(user).page(ask))

    def expected_saved(self, user: str, *, employee=True, asked=NO_FILTER) -> list[Shown]:
        """Return what a user has saved as the reference has it."""
        return saved(self.latest, user, self.society, employee=employee, asked=asked)

    def counts(self, user: str, *, employee=True, asked=NO_FILTER) -> Counts:
        """Count what a user has not seen and not read, as it is now."""
        return self.run(self.owner_of(user).counts(page_ask(user, 0, employee=employee, asked=asked)))

    def expected_counts(self, user: str, *, employee=True, asked=NO_FILTER) -> tuple[int, int]:
        """Return how many entries of a feed are not seen, and not read, as the reference has it."""
        entries = self.expected(user, employee=employee, asked=asked)
        return sum(not seen for *_, seen, _ in entries), sum(not read for _, _, _, read, *_ in entries)

    def expected(self, user: str, *, employee=True, asked=NO_FILTER, of="") -> list[Shown]:
        """Return the feed as the reference has it."""
        return feed(list(self.latest.values()), user, self.society, employee=employee, asked=asked, of=of)

    def check(self, user: str, size: int = 10, *, employee=True, asked=NO_FILTER, of="") -> list[Shown]:
        """Compare a feed, paged through, with the reference, and return it."""
        self.deliver_all(user)
        entries = self.page_through(user, size, employee=employee, asked=asked, of=of)
        expected = self.expected(user, employee=employee, asked=asked, of=of)
        assert entries == expected, f"{user} sees {entries} instead of {expected}"
        return entries

    def texts(self, user: str = "person:a", size: int = 10, **asked: Any) -> list[str]:
        """Return the texts of a feed, which equals the reference."""
        return [entry[-1] for entry in self.check(user, size, **asked)]

    def check_everything(self) -> None:
        """Compare every feed, and every feed of workers that start anew, with the reference; and every edge, from both sides."""
        self._check_all(7)
        self.settle_relations()
        self._check_relations()
        self.compact()
        self.limits = replace(self.limits, capacity=50, rows=3)
        for number in range(len(self.workers)):
            self.restart(number)
        self._check_all(100)
        self._check_relations()

    def _check_all(self, size: int) -> None:
        for user in USERS:
            for employee in (False, True):
                self.check(user, size, employee=employee)

    def _check_relations(self) -> None:
        for kind, one in SETS.items():
            for name in (*USERS, *ACCOUNTS, *GROUPS):
                subjects = {subject for subject, edges in self.society.edges.items() if name in getattr(edges, one)}
                state = self.owner_of(name).state
                assert set(state.subjects(name, kind)) == subjects
                objects = {obj for obj in state.objects(name, kind) if not obj.startswith(WORD)}
                assert objects == getattr(self.society.edges[name], one)
        for user in USERS:
            marked, edges = self.owner_of(user).state.marked, self.society.edges[user]
            kept = {MarkerKind.SAVED: set(edges.saved), MarkerKind.READ: edges.read, MarkerKind.SEEN: edges.seen}
            assert {kind: marked(user, kind) for kind in kept} == kept


def page_ask(
    user: str, size: int, below: Place = TOP, top: Place | None = None, *, employee=True, asked=NO_FILTER, of=""
) -> PageAsk:
    """Return what is asked for."""
    return PageAsk(user, employee, size, below, top, asked, of)


def shown(page: Page) -> list[Shown]:
    """Return the entries of a page as the reference has them."""
    return [(entry.id, *entry[2:7], activity_from_bytes(entry.body).text) for entry in page.entries]
