"""A log in memory: records by partition, an assignment that can change."""

import asyncio
from dataclasses import dataclass

from services.search.activity_log import Fetched, LogShrank


@dataclass(frozen=True)
class FakeRecord:
    offset: int
    key: bytes | None
    value: bytes | None
    partition: int = 0
    topic: str = "in"
    timestamp: int = 0
    headers: tuple = ()


class FakeLog:
    """What ActivityLog is to indexing. ends may lie behind the last record: markers and gaps."""

    def __init__(self, partitions=(0,), max_records=10):
        self.epoch = 1
        self.lag = 0
        self.records = {partition: [] for partition in partitions}
        self.ends = dict.fromkeys(partitions, 0)
        self.assigned = list(partitions)
        self.positions = {}
        self.committed = {}
        self.max_records = max_records
        self.polls = 0

    def append(self, key, value, partition=0):
        self.records[partition].append(FakeRecord(self.ends[partition], key, value, partition))
        self.ends[partition] += 1

    def gap(self, partition=0):
        self.ends[partition] += 1

    def begin_again(self):
        self.epoch += 1

    def partitions(self):
        return self.assigned

    async def begin(self, positions):
        self.positions = {partition: positions.get(partition, 0) for partition in self.assigned}
        if any(at > self.ends[partition] for partition, at in self.positions.items()):
            raise LogShrank
        return dict(self.positions)

    async def poll(self):
        self.polls += 1
        epoch = self.epoch
        await asyncio.sleep(0)
        if epoch != self.epoch:
            return Fetched(self.epoch, (), {})
        taken = []
        for partition in self.assigned:
            waiting = [record for record in self.records[partition] if record.offset >= self.positions[partition]]
            taken += waiting[: self.max_records]
            more = len(waiting) > self.max_records
            self.positions[partition] = waiting[self.max_records].offset if more else self.ends[partition]
        return Fetched(epoch, taken, dict(self.positions))

    async def commit(self, positions):
        self.committed.update(positions)
