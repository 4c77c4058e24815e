"""The relation topics in memory, with the producer that writes them and what reads them back."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.runtime.records import TopicPartition
from tests.unit.stream.feeds.relation_records import FakeRecord

_CHUNK = 3


@dataclass(frozen=True, slots=True)
class Columns:
    """See runtime's RecordColumns."""

    records: Sequence[FakeRecord]

    @property
    def keys(self):
        return [record.key for record in self.records]

    @property
    def offsets(self):
        return np.array([record.offset for record in self.records], np.int64)

    @property
    def timestamps(self):
        return np.array([record.timestamp for record in self.records], np.int64)

    @property
    def present(self):
        return np.array([record.value is not None for record in self.records], np.bool_)

    def leading_numbers(self, name):
        first = [next(iter(record.headers), (None, b"")) for record in self.records]
        return np.array([int(value) if header == name.decode() else -1 for header, value in first], np.int64)

    def record(self, _tp, index):
        return self.records[index]


class RelationLog:
    """Records by partition, each with the time of its writing, as brokers stamp it. It is its own producer."""

    # As aiokafka's producer says that it hasn't been stopped.
    _closed = False

    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000
        self._records: defaultdict[TopicPartition, list[FakeRecord]] = defaultdict(list)
        self._ends: defaultdict[TopicPartition, int] = defaultdict(int)

    def append(self, topic, partition, key, value, headers=()) -> FakeRecord:
        """Write a record; a second passes."""
        tp = TopicPartition(topic, partition)
        self.now_ms += 1000
        record = FakeRecord(topic, partition, self._ends[tp], self.now_ms, key, value, tuple(headers))
        self._records[tp].append(record)
        self._ends[tp] += 1
        return record

    async def send(self, topic, *, key, value, partition, headers):
        """Be aiokafka's producer: acknowledged at once."""
        acknowledged = asyncio.get_running_loop().create_future()
        acknowledged.set_result(self.append(topic, partition, key, value, headers))
        return acknowledged

    def since(self, tp: TopicPartition, offset: int) -> list[FakeRecord]:
        """Return what stands at an offset and after it."""
        if offset >= self._ends[tp]:
            return []
        return [record for record in self._records[tp] if record.offset >= offset]

    def compact(self, tp: TopicPartition) -> None:
        """Keep the last record of every key, as the broker does now and then."""
        last = {record.key: record for record in self._records[tp]}
        self._records[tp] = [record for record in self._records[tp] if last[record.key] is record]


async def read_columns(log: RelationLog, partitions, take) -> dict[TopicPartition, int]:
    """Stand for runtime's column_read; the log stands for the way to the brokers."""
    for tp in partitions:
        records = log.since(tp, 0)
        for first in range(0, len(records), _CHUNK):
            take(tp, Columns(records[first : first + _CHUNK]))
    return {tp: log._ends[tp] for tp in partitions}


async def read_records(log: RelationLog, partitions, take, *, start) -> dict[TopicPartition, int]:
    """Stand for runtime's bulk_read."""
    for tp in partitions:
        if records := log.since(tp, start[tp]):
            take(tp, records)
    return {tp: log._ends[tp] for tp in partitions}
