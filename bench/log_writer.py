"""Filling topics as fast as the client can, so that what is measured waits for nothing."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self

from aiokafka import AIOKafkaProducer

from bench.activities import LogRecord
from services.contracts.indices import activities_index
from services.contracts.relation_codec import IndexProgress, progress_to_bytes
from services.contracts.topics import INDEX_PROGRESS
from services.runtime.confirmed_sends import build_producer
from services.runtime.kafka_security import KafkaSecurity

_AT_ONCE = 5_000
_IN_STEP = 400


@dataclass(frozen=True, slots=True)
class WrittenTo:
    """Where records went. ends: by partition, the position behind the last; visible_at: time.monotonic() when readers could see them."""

    begins: Mapping[int, int]
    ends: Mapping[int, int]
    visible_at: float


class LogWriter:
    """Writes records, each to its own partition. For use inside one running loop.

    `write` lets readers see records as they come. `write_at_once` lets them see all at the same moment, however long that took to
    write; it leaves a transaction's marker at the end, which a worker's freshness waits for in vain until the next record.
    """

    def __init__(self, security: KafkaSecurity) -> None:
        self._transactional: AIOKafkaProducer = build_producer(security, "bench-at-once", transactional_id="bench", linger_ms=20)
        self._plain: AIOKafkaProducer = build_producer(security, "bench")
        self._settled: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        await self._transactional.start()
        await self._plain.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transactional.stop()
        await self._plain.stop()

    async def write(self, records: Iterable[LogRecord], step: int = _IN_STEP) -> WrittenTo:
        """Write records about in their order, over all partitions. step: so many may be read partition by partition."""
        return await _sent(self._plain, records, step)

    async def write_at_once(self, records: Iterable[LogRecord]) -> WrittenTo:
        """Write records in a transaction."""
        await self._transactional.begin_transaction()
        written = await _sent(self._transactional, records, _AT_ONCE)
        visible_at = time.monotonic()
        await self._transactional.commit_transaction()
        return replace(written, visible_at=visible_at)

    async def settle(self, ends: Mapping[int, int]) -> None:
        """Say that the index shows everything below ends, as the indexer does. What is behind what was said is not said."""
        for partition, end in ends.items():
            if end <= self._settled.get(partition, 0):
                continue
            self._settled[partition] = end
            progress = IndexProgress(activities_index().name, partition, end)
            await self._plain.send_and_wait(INDEX_PROGRESS.name, progress_to_bytes(progress), progress.key, 0)


async def _sent(producer: AIOKafkaProducer, records: Iterable[LogRecord], at_once: int) -> WrittenTo:
    """Send records, so many before they are waited for."""
    rest, begins, ends = iter(records), dict[int, int](), dict[int, int]()
    while some := list(islice(rest, at_once)):
        futures = [await producer.send(record.topic, record.value, record.key, record.partition) for record in some]
        for sent in await asyncio.gather(*futures):
            begins.setdefault(sent.partition, sent.offset)
            ends[sent.partition] = max(ends.get(sent.partition, 0), sent.offset + 1)
    return WrittenTo(begins, ends, time.monotonic())
