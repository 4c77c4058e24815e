"""Raw activities for refine, and what must have become of them."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

from aiokafka import AIOKafkaProducer

from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb
from services.contracts.codec import activity_from_bytes, activity_to_bytes
from services.contracts.partitions import partition_of
from services.contracts.topics import ACTIVITIES, ACTIVITIES_RAW
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.log_ends import LogEnds
from services.runtime.records import Outgoing
from services.stream.refine.worker import APP_ID
from tests.cluster.load import GROUPS, TAGS, USERS
from tests.cluster.members import Cluster
from tests.integration.runtime.kafka_steps import committed

DAY_MS = 1_700_000_000_000
REFINED_S = 120.0
_AT_ONCE = 500


def raw(number: int, version: int, *, tags: Iterable[str] = (), audience: Audience | None = None) -> Activity:
    """Return a version of a numbered activity as its source said it."""
    text = " ".join([f"piece{number}", f"version{version}", *(f"#{tag}" for tag in tags)])
    return Activity(
        Source("activitystreams", "intranet.example", str(number)),
        version=version,
        verb=Verb.POST,
        actor=Entity(USERS[number % len(USERS)]),
        object=Object(content=f"<p>{text}</p>"),
        audience=audience or Audience(Scope.INTERNAL),
        published_ms=DAY_MS + number,
        accepted_ms=DAY_MS + number + 1,
    ).with_id()


@dataclass(slots=True)
class RawLog:
    """What was sent to refine. winners: id → what must be in the output in the end."""

    cluster: Cluster
    producer: AIOKafkaProducer
    winners: dict[str, Activity] = field(default_factory=dict)

    async def send(self, activities: Iterable[Activity]) -> None:
        """Send activities in this order."""
        records = []
        for activity in activities:
            winner = self.winners.get(activity.id)
            if winner is None or activity.version > winner.version:
                self.winners[activity.id] = activity
            partition = partition_of(activity.id, self.cluster.partitions)
            value = activity_to_bytes(activity)
            records.append(Outgoing(ACTIVITIES_RAW.name, activity.id.encode(), value, partition=partition))
        for first in range(0, len(records), _AT_ONCE):
            await send_confirmed(self.producer, records[first : first + _AT_ONCE])

    async def until_refined(self) -> None:
        """Return when refine has committed all that was sent."""
        security = self.cluster.settings.kafka.security()
        partitions = await partitions_of(security, ACTIVITIES_RAW.name)
        ends = await bulk_read(security, partitions, lambda *_: None)
        deadline = time.monotonic() + REFINED_S
        while True:
            done = await committed(security, APP_ID, ACTIVITIES_RAW.name)
            if all((done[tp.partition] or 0) >= end for tp, end in ends.items()):
                return
            assert time.monotonic() < deadline, (done, ends)
            await asyncio.sleep(0.5)

    async def until_output_grew(self, more: int) -> None:
        """Return at once when the output has more records than now, by so many."""
        security = self.cluster.settings.kafka.security()
        partitions, ends = await partitions_of(security, ACTIVITIES.name), LogEnds(security, "output-ends")
        try:
            before, deadline = sum((await ends.of(partitions)).values()), time.monotonic() + REFINED_S
            while sum((await ends.of(partitions)).values()) < before + more:
                assert time.monotonic() < deadline, "refine doesn't begin"
        finally:
            await ends.close()

    async def output(self) -> list[Activity]:
        """Return all states in the output, those of one activity in the order of the log."""
        found: list[Activity] = []
        security = self.cluster.settings.kafka.security()

        def take(_tp, records):
            found.extend(activity_from_bytes(record.value) for record in records)

        await bulk_read(security, await partitions_of(security, ACTIVITIES.name), take)
        return found

    async def last(self) -> dict[str, Activity]:
        """Return the last state of every activity in the output."""
        return {activity.id: activity for activity in await self.output()}

    async def until_exact(self) -> Mapping[str, Activity]:
        """Return the last states when they are the winners: as many, each in its version."""
        wanted = {activity.id: (activity.version, activity.deleted) for activity in self.winners.values()}
        deadline = time.monotonic() + REFINED_S
        while True:
            last = await self.last()
            if {found.id: (found.version, found.deleted) for found in last.values()} == wanted:
                return last
            assert time.monotonic() < deadline, f"{len(last)} of {len(wanted)}"
            await asyncio.sleep(0.5)


def history_of(chance: Random, number: int) -> list[Activity]:
    """Return what becomes of an activity, as a sender with bad habits tells it: edits, deletes, repetitions, in any order."""

    def version(n: int) -> Activity:
        draw = chance.random()
        audience = Audience(Scope.PUBLIC) if draw < 0.4 else Audience(Scope.GROUP, groups=(chance.choice(GROUPS),))
        return raw(number, n, tags=chance.sample(TAGS, chance.randint(0, 2)), audience=audience if draw < 0.7 else None)

    states = [version(n + 1) for n in range(chance.choice((1, 1, 1, 2, 3)))]
    if chance.random() < 0.15:
        states.append(states[-1].as_deleted(len(states) + 1))
    states += chance.choices(states, k=chance.choice((0, 0, 1)))
    if chance.random() < 0.3:
        chance.shuffle(states)
    return states
