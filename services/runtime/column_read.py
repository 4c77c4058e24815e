"""Reading whole partitions back as columns: bulk_read for those who need keys by the million, at a third of the cost."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

import numpy as np
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, RecordTooLargeError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition as ClientPartition

from services.runtime.bulk_read import read_consumer, stop_consumer
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.record_batches import RecordBatches, batches_in
from services.runtime.record_columns import RecordColumns
from services.runtime.records import TopicPartition

#: Takes records of one partition, offsets rising; called from the loop and must not block it for long.
TakeColumns = Callable[[TopicPartition, RecordColumns], None]

# Small enough to let the loop's other work in between: a chunk costs about 10 ms.
_CHUNK: Final = 8192
_READ_COMMITTED: Final = 1
_ABORT: Final = b"\x00\x00"
_PARTITION_BYTES: Final = 4 * 1024 * 1024
_FETCH_BYTES: Final = 16 * 1024 * 1024
_WAIT_MS: Final = 500
_RETRY_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 60.0


async def column_read(
    security: KafkaSecurity, partitions: Collection[TopicPartition], take: TakeColumns
) -> dict[TopicPartition, int]:
    """Give take every record from the beginning up to the end as of now; return that end.

    The returned offsets are where a follower goes on. Partitions come interleaved; aborted transactions and markers are left
    out. Raises KafkaError when the broker fails for a minute or refuses, and whatever take raises; then some records have been
    taken, and the reading is begun anew with an empty state.
    """
    if not partitions:
        return {}
    consumer = read_consumer(security, "column-read")
    await consumer.start()
    try:
        asked = [ClientPartition(*tp) for tp in partitions]
        ends: dict[Any, int] = await consumer.end_offsets(asked)
        begins: dict[Any, int] = await consumer.beginning_offsets(asked)
        await _Reading(consumer, begins, ends).run(take)
        return {TopicPartition(*tp): end for tp, end in ends.items()}
    finally:
        await stop_consumer(consumer)


class _Reading:
    """Fetches by itself, over the consumer's client: the consumer's own fetcher makes objects of what it fetches."""

    def __init__(self, consumer: AIOKafkaConsumer, begins: dict[Any, int], ends: dict[Any, int]) -> None:
        self._client = consumer._client  # noqa: SLF001 - the public consumer hands out records only
        # Who was served goes to the end: a broker fills its answer in the order of the question.
        self._positions = {tp: begin for tp, begin in begins.items() if begin < ends[tp]}
        self._ends = ends
        self._served_at = time.monotonic()

    async def run(self, take: TakeColumns) -> None:
        fetched = asyncio.create_task(self._fetch())
        try:
            while self._positions:
                answers = await fetched
                before = dict(self._positions)
                chunks = [(tp, batches) for tp, data, aborted in answers for batches in _chunks(self._advance(tp, data, aborted))]
                # The broker works on the next answer while this one is taken.
                fetched = asyncio.create_task(self._fetch())
                for tp, batches in chunks:
                    records = RecordColumns(batches, before[tp], self._ends[tp])
                    if len(records):
                        take(TopicPartition(*tp), records)
                    await asyncio.sleep(0)
        finally:
            fetched.cancel()
            # Also where it has failed: what ended the reading is told by another error already, or nobody wants to know.
            await asyncio.gather(fetched, return_exceptions=True)

    async def _fetch(self) -> list[tuple[Any, bytes, Sequence[tuple[int, int]]]]:
        """Return what all leaders have: partition, bytes, aborted transactions. Empty after a failure that may pass."""
        by_leader: dict[Any, list[Any]] = {}
        for tp in self._positions:
            by_leader.setdefault(self._client.cluster.leader_for_partition(tp), []).append(tp)
        unknown = [by_leader.pop(nobody, []) for nobody in (None, -1)]
        answers = await asyncio.gather(*(self._ask(leader, tps) for leader, tps in by_leader.items()))
        if any(unknown) or None in answers:
            await self._client.force_metadata_update()
            await asyncio.sleep(_RETRY_SECONDS)
        return [part for answer in answers if answer for part in answer]

    async def _ask(self, leader: Any, tps: Sequence[Any]) -> list[tuple[Any, bytes, Sequence[tuple[int, int]]]] | None:
        topics: dict[str, list[tuple[int, int, int]]] = {}
        for tp in tps:
            topics.setdefault(tp.topic, []).append((tp.partition, self._positions[tp], _PARTITION_BYTES))
        request = FetchRequest(_WAIT_MS, 1, _FETCH_BYTES, _READ_COMMITTED, list(topics.items()))
        try:
            response = await self._client.send(leader, request)
            return list(_parts(response))
        except KafkaError as error:
            if time.monotonic() - self._served_at > _PATIENCE_SECONDS or not _may_pass(error):
                raise
            return None

    def _advance(self, tp: Any, data: bytes, aborted: Sequence[tuple[int, int]]) -> RecordBatches:
        """Move the position of a partition behind data and return the batches that hold records for us."""
        batches = batches_in(data)
        if data and not len(batches):
            raise RecordTooLargeError(f"a batch of {tp} does not fit into {_PARTITION_BYTES} bytes")
        position = self._positions.pop(tp)
        if len(batches):
            position = batches.next_offset
            self._served_at = time.monotonic()
        if position < self._ends[tp]:
            self._positions[tp] = position
        return _committed(batches, aborted)


def _may_pass(error: KafkaError) -> bool:
    return bool(error.retriable or error.invalid_metadata)


def _parts(response: Any) -> Iterator[tuple[Any, bytes, Sequence[tuple[int, int]]]]:
    for topic, partitions in response.topics:
        for partition, code, _highwater, *rest in partitions:
            if code:
                raise for_code(code)(f"fetching partition {partition} of {topic}")
            # From version 11 on a preferred replica stands between the two.
            aborted = rest[2] if len(rest) > 4 else rest[-2]  # noqa: PLR2004 - the number of fields of version 11
            yield ClientPartition(topic, partition), rest[-1] or b"", aborted or ()


def _committed(batches: RecordBatches, aborted: Sequence[tuple[int, int]]) -> RecordBatches:
    """Leave out markers and what belongs to aborted transactions. aborted: producer id and first offset of each."""
    kept = ~batches.marks
    if aborted:
        waiting = sorted(aborted, key=lambda entry: entry[1], reverse=True)
        producers: set[int] = set()
        offsets, ids = batches.base_offsets.tolist(), batches.headers["producer"].tolist()
        for place, transactional in enumerate(batches.transactional.tolist()):
            while waiting and waiting[-1][1] <= offsets[place]:
                producers.add(waiting.pop()[0])
            if not kept[place]:
                if _marks_abort(batches[place : place + 1]):
                    producers.discard(ids[place])
            elif transactional and ids[place] in producers:
                kept[place] = False
    return batches if np.all(kept) else batches[kept]


def _marks_abort(marker: RecordBatches) -> bool:
    keys = RecordColumns(marker).keys
    # A control record's key is two numbers of two bytes: a version and what it marks.
    return bool(keys) and (keys[0] or b"")[2:4] == _ABORT


def _chunks(batches: RecordBatches) -> Iterator[RecordBatches]:
    """Yield the batches in chunks of about _CHUNK records."""
    if len(batches):
        bounds = np.flatnonzero(np.diff(np.cumsum(batches.counts) // _CHUNK, prepend=0, append=-1))
        begin = 0
        for bound in bounds.tolist():
            end = min(bound + 1, len(batches))
            if begin < end:
                yield batches[begin:end]
            begin = end
