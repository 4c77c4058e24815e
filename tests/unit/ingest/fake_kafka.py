"""Kafka as ingest sees it, in memory; tests/contracts/ingest runs one suite on this and on the real producer."""

import asyncio
from dataclasses import dataclass

from services.contracts.partitions import partition_of
from services.contracts.topics import ACTIVITIES_RAW, INGEST_DLQ, SOURCES, Size, topic_named
from services.runtime.producer import KafkaAway, RecordMetadata
from services.runtime.records import Outgoing

PARTITIONS = 4


@dataclass
class Kept:
    partition: int
    offset: int
    record: Outgoing

    @property
    def headers(self):
        return {name: value.decode() for name, value in self.record.headers}


class FakeKafka:
    """A sender. away: refuses. away_after: goes away when it has so many records more.

    hold: until it is set, nothing is acknowledged, and `held` says that something waits.
    """

    def __init__(self):
        self.kept: dict[str, list[Kept]] = {}
        self.away = False
        self.away_after: int | None = None
        self.hold: asyncio.Event | None = None
        self.held = asyncio.Event()

    async def send_many(self, records):
        if self.hold is not None:
            self.held.set()
            await self.hold.wait()
        await asyncio.sleep(0)
        return [self._keep(record) for record in records]

    def _keep(self, record):
        if self.away or self.away_after == 0:
            raise KafkaAway("away")
        if self.away_after is not None:
            self.away_after -= 1
        partitions = 1 if topic_named(record.topic).size is Size.SINGLE else PARTITIONS
        partition = partition_of(record.key, partitions)
        log = self.kept.setdefault(record.topic, [])
        offset = sum(kept.partition == partition for kept in log)
        log.append(Kept(partition, offset, record))
        return RecordMetadata(record.topic, partition, offset, 0)

    @property
    def raw(self):
        return self.kept.get(ACTIVITIES_RAW.name, [])

    @property
    def dead(self):
        return self.kept.get(INGEST_DLQ.name, [])

    @property
    def states(self):
        return self.kept.get(SOURCES.name, [])
