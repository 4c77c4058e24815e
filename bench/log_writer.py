"""Filling topics as fast as the client can, so that what is measured waits for nothing."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from aiokafka import AIOKafkaProducer

from bench.activities import LogRecord
from services.contracts.indices import activities_index
from services.contracts.relation_codec import IndexProgress, progress_to_bytes
from services.contracts.topics import INDEX_PROGRESS
from services.runtime.confirmed_sends import build_producer
from services.runtime.kafka_security import KafkaSecurity

_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class WrittenTo:
    """Where records went. ends: by partition, the position behind the last; visible_at: time.monotonic() when readers could see them."""

    begins: Mapping[int, int]
    ends: Mapping[int, int]
    visible_at: float


class LogWriter:
    """Writes in transactions: readers see all of one at once, however long it took to write. For use inside one running loop."""

    def __init__(self, security: KafkaSecurity) -> None:
        self._producer: AIOKafkaProducer = build_producer(security, "bench", transactional_id="bench", linger_ms=20)
        self._plain: AIOKafkaProducer = build_producer(security, "bench-plain")

    async def __aenter__(self) -> Self:
        await self._producer.start()
        await self._plain.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()
        await self._plain.stop()

    async def write(self, records: Iterable[LogRecord]) -> WrittenTo:
        """Write records, each to its partition, and let them be seen."""
        begins: dict[int, int] = {}
        ends: dict[int, int] = {}
        futures: list[asyncio.Future[object]] = []

        async def confirm() -> None:
            for sent in await asyncio.gather(*futures):
                begins.setdefault(sent.partition, sent.offset)
                ends[sent.partition] = max(ends.get(sent.partition, 0), sent.offset + 1)
            futures.clear()

        await self._producer.begin_transaction()
        for record in records:
            futures.append(await self._producer.send(record.topic, record.value, record.key, record.partition))
            if len(futures) >= _AT_ONCE:
                await confirm()
        await confirm()
        await self._producer.flush()
        visible_at = time.monotonic()
        await self._producer.commit_transaction()
        return WrittenTo(begins, ends, visible_at)

    async def settle(self, ends: Mapping[int, int]) -> None:
        """Say that the index shows everything below ends, as the indexer does."""
        for partition, end in ends.items():
            progress = IndexProgress(activities_index().name, partition, end)
            await self._plain.send_and_wait(INDEX_PROGRESS.name, progress_to_bytes(progress), progress.key, 0)
