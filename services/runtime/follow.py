"""Following partitions from given offsets for ever, outside any group: every process sees every record (broadcast)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition as ClientPartition

from services.runtime.bulk_read import read_consumer, stop_consumer
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Record, TopicPartition

#: Takes records of one partition and the position behind them. When it has returned they count as followed.
FollowRecords = Callable[[TopicPartition, Sequence[Record], int], Awaitable[None]]

_RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0)

log = logging.getLogger(__name__)


class OffsetGone(RuntimeError):
    """The log no longer has the position to go on from: what lies between is unknown, so the state must be re-read."""


class Follower:
    """Reads partitions on from positions, supervised: it survives broker restarts and lost connections.

    positions: where to go on, one offset a partition; afterwards the next offset to be taken. It may move without a
    record (transaction markers, compaction). It is live: read it at any time for lag or for a cursor.
    """

    def __init__(
        self,
        security: KafkaSecurity,
        positions: Mapping[TopicPartition, int],
        take: FollowRecords,
        *,
        max_records: int = 4000,
        client_id: str = "follower",
    ) -> None:
        self.positions = dict(positions)
        self.ends = dict(positions)
        self.connected = False
        self._security = security
        self._take = take
        self._max_records = max_records
        self._client_id = client_id

    def lag(self) -> int:
        """Return how many records lie between the positions and the ends of the log as last heard of (markers count)."""
        return sum(max(0, self.ends[tp] - position) for tp, position in self.positions.items())

    async def run(self) -> None:
        """Follow until cancelled. Raises OffsetGone, and whatever take raises; Kafka's own failures are retried."""
        failures = 0
        while True:
            consumer = read_consumer(self._security, self._client_id, fetch_max_wait_ms=500)
            try:
                await consumer.start()
                self._go_on(consumer)
                self.connected, failures = True, 0
                while True:
                    await self._step(consumer)
            except OffsetOutOfRangeError as error:
                raise OffsetGone(f"the log no longer has the positions {error}") from error
            except _HandlerError as error:
                raise error.cause from None
            except (KafkaError, OSError) as error:
                log.warning("following is interrupted: %s", type(error).__name__)
            finally:
                self.connected = False
                await stop_consumer(consumer)
            await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
            failures += 1

    def _go_on(self, consumer: AIOKafkaConsumer) -> None:
        consumer.assign([ClientPartition(*tp) for tp in self.positions])
        for tp, position in self.positions.items():
            consumer.seek(ClientPartition(*tp), position)

    async def _step(self, consumer: AIOKafkaConsumer) -> None:
        chunks: dict[Any, list[Any]] = await consumer.getmany(timeout_ms=200, max_records=self._max_records)
        for tp, records in chunks.items():
            followed = TopicPartition(*tp)
            try:
                await self._take(followed, records, records[-1].offset + 1)
            except Exception as error:
                raise _HandlerError(error) from error
            self.positions[followed] = records[-1].offset + 1
        for tp in self.positions:
            await self._move(consumer, tp)

    async def _move(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> None:
        client_tp = ClientPartition(*tp)
        # Everything fetched was taken, so the client's own position is ahead only by what holds no record.
        self.positions[tp] = await consumer.position(client_tp)
        self.ends[tp] = max(consumer.highwater(client_tp) or 0, self.positions[tp])


class _HandlerError(Exception):
    """Tells an error of the handler from one of Kafka, which may be of the same type."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause
