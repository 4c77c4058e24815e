"""The broadcast without a broker: records go to the engine by the worker's own code."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice

from bench.activities import LogRecord
from services.contracts.topics import ACTIVITIES
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Record, TopicPartition
from services.stream.feeds.broadcast import Broadcast
from services.stream.feeds.engine import FeedEngine

_NOWHERE = KafkaSecurity("127.0.0.1:1")

_AT_ONCE = 400

#: Partitions and records of each, offsets rising.
Batches = list[tuple[int, list[LogRecord]]]


class _NoLetters:
    """There is nobody to keep a record that can't be read."""

    async def keep(self, record: Record, error: Exception) -> None:
        raise AssertionError(f"a record of the bench can't be read: {record.partition}/{record.offset}") from error


class Delivery:
    """A broadcast that is given records instead of following a topic."""

    def __init__(self, engine: FeedEngine) -> None:
        self._engine = engine
        self._broadcast = Broadcast(_NOWHERE, engine, _NoLetters(), {})  # type: ignore[arg-type]  # the letters' shape is all it uses

    def take(self, batches: Batches) -> None:
        """Deliver records to the timelines."""
        asyncio.run(self._take(batches))

    async def _take(self, batches: Batches) -> None:
        for partition, records in batches:
            tp = TopicPartition(ACTIVITIES.name, partition)
            await self._broadcast._follow(tp, records, records[-1].offset + 1)  # noqa: SLF001 - what the follower calls

    def settle(self, batches: Batches) -> None:
        """Say that the index shows these records and all before them, as the indexer does a second after each."""
        self._engine.advance({partition: records[-1].offset + 1 for partition, records in batches})


def batched(records: Iterable[LogRecord]) -> Batches:
    """Put records together as a consumer that keeps up delivers them: a few of every partition at a time."""
    batches: Batches = []
    rest = iter(records)
    while some := list(islice(rest, _AT_ONCE)):
        by_partition: defaultdict[int, list[LogRecord]] = defaultdict(list)
        for record in some:
            by_partition[record.partition].append(record)
        batches += by_partition.items()
    return batches
