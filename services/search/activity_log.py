"""The partitions of `sluice.activities.v1` that a consumer group gives this process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import TopicPartition

from services.runtime.bulk_read import stop_consumer
from services.runtime.fetch_pacing import paced
from services.runtime.group_session import GroupSession
from services.runtime.kafka_security import KafkaSecurity, for_aiokafka
from services.runtime.records import Record

log = structlog.get_logger()

_DAY_MS = 86_400_000
_GATHER_S = 0.1
_POLL_MS = 200


class LogShrank(RuntimeError):
    """The log is shorter than what the index holds of it: it was made anew, and its offsets say nothing of what is indexed."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records of all assigned partitions, and where each partition goes on behind them. epoch: the assignment they belong to.

    positions may move without a record: behind transaction markers and what compaction took.
    """

    epoch: int
    records: Sequence[Record]
    positions: Mapping[int, int]


class ActivityLog:
    """A member of the group. Each new assignment is a new epoch and must `begin` before anything is polled.

    instance: the member's stable name; after a crash it gets its partitions back at once, without waiting for the old session to end.
    lag: records that wait in the log, as last heard of.
    """

    def __init__(
        self, security: KafkaSecurity, topic: str, group: str, instance: str, session: GroupSession, *, max_records: int = 2000
    ) -> None:
        self.epoch = 0
        self.lag = 0
        self._topic = topic
        self._max_records = max_records
        consumer = AIOKafkaConsumer(
            **for_aiokafka(security),
            client_id=instance,
            group_id=group,
            group_instance_id=instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            # What is fetched ahead is bounded by these, whatever is waited for.
            max_partition_fetch_bytes=1024 * 1024,
            fetch_max_bytes=8 * 1024 * 1024,
            fetch_max_wait_ms=500,
            session_timeout_ms=int(session.timeout_s * 1000),
            heartbeat_interval_ms=int(session.heartbeat_s * 1000),
            # While Elasticsearch is away nothing is polled; being alive is what heartbeats are for.
            max_poll_interval_ms=_DAY_MS,
        )
        # Searches see what is new four times a second at most; a bulk request for every few documents is work for nothing.
        self._consumer = paced(consumer, gather_s=_GATHER_S)

    async def start(self) -> None:
        """Join the group. Raises KafkaError."""
        await self._consumer.start()
        self._consumer.subscribe([self._topic], listener=_Rebalances(self))

    async def stop(self) -> None:
        """Leave; the group keeps the member's place for its return."""
        await stop_consumer(self._consumer)

    def begin_again(self) -> None:
        """Start a new epoch: what was fetched before counts no more."""
        self.epoch += 1

    def partitions(self) -> list[int]:
        """Return the assigned partitions."""
        return sorted(tp.partition for tp in self._consumer.assignment())

    async def begin(self, positions: Mapping[int, int]) -> dict[int, int]:
        """Go on from positions, from the beginning where a partition has none; return where each goes on. Raises LogShrank."""
        assigned = [self._at(partition) for partition in self.partitions()]
        if not assigned:
            return {}
        begins = await self._consumer.beginning_offsets(assigned)
        ends = await self._consumer.end_offsets(assigned)
        starts = {}
        for tp in assigned:
            start = max(positions.get(tp.partition, 0), begins[tp])
            if start > ends[tp]:
                raise LogShrank(
                    f"{tp.topic}/{tp.partition} ends at {ends[tp]}, the index holds it up to {start}: rebuild the index"
                )
            self._consumer.seek(tp, start)
            starts[tp.partition] = start
        return starts

    async def poll(self) -> Fetched:
        """Return what has come, at the latest after a fifth of a second; nothing when the assignment changed meanwhile."""
        epoch = self.epoch
        chunks: dict[Any, list[Any]] = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=self._max_records)
        at = {tp: await self._consumer.position(tp) for tp in self._consumer.assignment()}
        self.lag = sum(max(0, (self._consumer.highwater(tp) or 0) - position) for tp, position in at.items())
        if epoch != self.epoch:
            return Fetched(self.epoch, (), {})
        return Fetched(epoch, [record for records in chunks.values() for record in records], _by_number(at))

    async def commit(self, positions: Mapping[int, int]) -> None:
        """Tell the group how far we are, for those who watch its lag. The index's own checkpoints are what counts."""
        try:
            await self._consumer.commit({self._at(partition): at for partition, at in positions.items()})
        except (KafkaError, IllegalStateError) as error:
            log.info("commit left out", cause=type(error).__name__)

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is Any to mypy
    def __init__(self, log: ActivityLog) -> None:
        self._log = log

    def on_partitions_revoked(self, revoked: Any) -> None:
        del revoked
        self._log.begin_again()

    def on_partitions_assigned(self, assigned: Any) -> None:
        del assigned
        self._log.begin_again()


def _by_number(positions: Mapping[Any, int]) -> dict[int, int]:
    return {tp.partition: position for tp, position in positions.items()}
