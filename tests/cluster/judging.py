"""What must hold while members come and go, and when it is over."""

import asyncio
import time
from collections import Counter
from itertools import pairwise

from services.contracts.feed_filter import FeedFilter
from services.contracts.partitions import partition_of
from services.contracts.relations import relation_of_key
from services.contracts.topics import RELATIONS, RELATIONS_INVERSE
from services.runtime.bulk_read import bulk_read, partitions_of
from tests.cluster.load import USERS, Load
from tests.cluster.members import Cluster, Member
from tests.cluster.oracle import society_add
from tests.unit.stream.feeds.reference import Society, feed

MOVED_S = 90.0


async def until_all_answered(load: Load, seconds: float = MOVED_S) -> None:
    """Wait until every user's feed is answered by every worker that callers are sent to."""
    begun = time.monotonic()
    left = {(user, member.name): member for user in USERS for member in load.workers()}
    while left:
        assert time.monotonic() < begun + seconds, f"{len(left)} are not answered: {sorted(left)[:5]} {load.refusals[-3:]}"
        asked = list(left)
        answers = await asyncio.gather(*(load.read(user, left[user, name]) for user, name in asked))
        left = {key: left[key] for key, answer in zip(asked, answers, strict=True) if answer is None}


def assert_nothing_wrong(load: Load) -> None:
    """Judge every read that was answered."""
    assert load.faults == Counter(), "a status that nobody may get"
    wrongs = [(wrong, read.by, read.began) for read in load.reads for wrong in load.past.wrongs(read)]
    assert not wrongs, f"{len(wrongs)} in {len(load.reads)} reads: {wrongs[:10]}"


async def assert_exact(load: Load) -> None:
    """Compare every feed, paged to its end through every worker, with the reference, and the log with what was answered."""
    cluster = load.cluster
    there = await edges_in_the_log(cluster, RELATIONS.name)
    answered = {
        f"{subject}\t{kind.name}\t{obj}".encode()
        for subject, edges in load.past.changes.items()
        for (kind, obj), changes in edges.items()
        if changes[-1].present
    }
    doubtful = {f"{subject}\t{kind.name}\t{obj}".encode() for subject, kind, obj in load.past.doubtful}
    assert (there ^ answered) <= doubtful
    turned = {relation_of_key(key).inverse_key for key in there}
    deadline = time.monotonic() + 30
    while (found := await edges_in_the_log(cluster, RELATIONS_INVERSE.name)) != turned:
        assert time.monotonic() < deadline, found ^ turned
    society = Society()
    for relation in map(relation_of_key, there):
        society_add(society, relation.subject, relation.kind, relation.object)
    for user in USERS:
        expected = [(entry[0], entry[-1]) for entry in feed(load.past.latest(), user, society, employee=True, asked=FeedFilter())]
        for member in load.workers():
            assert await whole_feed(load, user, member) == expected, f"{user} by {member.name}"


async def whole_feed(load: Load, user: str, member: Member) -> list[tuple[str, str]]:
    """Return id and text of all entries of a feed, paged to its end; history may take a moment to be up to date."""
    shown, token, deadline = [], "", time.monotonic() + MOVED_S
    while True:
        page = await load.page(user, member, token, size=37, seconds=20)
        if page.partial:
            assert time.monotonic() < deadline, "history stays away"
            continue
        shown += [(entry.activity.id, entry.activity.text) for entry in page.entries]
        if not (token := page.next_page_token):
            return shown


async def edges_in_the_log(cluster: Cluster, topic: str) -> set[bytes]:
    """Return the keys of a compacted topic that stand: what a worker that starts now finds."""
    last: dict[bytes, bytes | None] = {}
    security = cluster.settings.kafka.security()

    def take(_tp, records):
        last.update((record.key, record.value) for record in records)

    await bulk_read(security, await partitions_of(security, topic), take)
    return {key for key, value in last.items() if value is not None}


def outages(load: Load, begun: float, ended: float) -> dict[int, float]:
    """Return, for every partition of which somebody was refused between two times, the longest time without an answer, in seconds."""
    answered: dict[int, list[float]] = {}
    for read in load.reads:
        if begun <= read.began and read.ended <= ended:
            answered.setdefault(partition_of(read.user, load.cluster.partitions), []).append(read.ended)
    refused = {partition_of(refusal.user, load.cluster.partitions) for refusal in load.refusals if begun <= refusal.at <= ended}
    times = {partition: [begun, *sorted(answered.get(partition, [])), ended] for partition in refused}
    return {partition: max(after - before for before, after in pairwise(each)) for partition, each in times.items()}


class Phases:
    """Says what each event cost."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._begun = time.monotonic()

    async def settle(self, name: str) -> None:
        """Wait until all is answered again and say what there was meanwhile."""
        await until_all_answered(self._load)
        now = time.monotonic()
        codes = dict(Counter(refusal.code for refusal in self._load.refusals if self._begun <= refusal.at <= now))
        reads = [read for read in self._load.reads if self._begun <= read.began]
        longest = outages(self._load, self._begun, now)
        print(  # noqa: T201 - the figures are of interest
            f"\n{name}: {now - self._begun:.1f} s, {len(reads)} reads, {codes or 'none'} refused; longest without an answer "
            f"{max(longest.values(), default=0.0):.1f} s, in {len(longest)} of {self._load.cluster.partitions} partitions"
        )
        self._begun = time.monotonic()
