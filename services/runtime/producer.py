"""A producer whose send() returns when Kafka has the record on all in-sync replicas: kafka-python behind asyncio."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from kafka.codec import has_lz4
from kafka.errors import KafkaError
from kafka.partitioner import Partitioner

from services.runtime.in_flight import InFlight
from services.runtime.kafka_security import KafkaSecurity, for_kafka_python
from services.runtime.known_topics_only import known_topics_only
from services.runtime.loop_inbox import LoopInbox
from services.runtime.metrics import PRODUCER_ACK_SECONDS, PRODUCER_IN_FLIGHT, PRODUCER_RECORDS, PRODUCER_WAITING
from services.runtime.records import Headers, Outgoing
from services.runtime.renewable_producer import RenewableProducer
from services.runtime.send_errors import KafkaAway, RecordRefused, translated

__all__ = ["AcknowledgedProducer", "KafkaAway", "RecordMetadata", "RecordRefused"]

_DELIVERY_S = 10.0
_MAX_RECORDS = 5_000
_MAX_BYTES = 64 * 1024 * 1024
# Just under the topics' max.message.bytes, so that the refusal comes from here, at once.
_MAX_REQUEST = 2 * 1024 * 1024 - 64 * 1024

ChoosePartition = Callable[[bytes | None, Sequence[int], Collection[int]], int]


class RecordMetadata(NamedTuple):
    """Where an acknowledged record is. timestamp: ms, the broker's for topics with LogAppendTime."""

    topic: str
    partition: int
    offset: int
    timestamp: int


class _Sending(NamedTuple):
    record: Outgoing
    started: float
    done: "asyncio.Future[RecordMetadata]"


class AcknowledgedProducer:
    """Sends records with acks=all and idempotence; records of one partition keep the order of the calls.

    choose_partition: key, all partitions, available ones → partition; services/contracts/partitions.key_partitioner. What isn't
    acknowledged yet is bounded in records and bytes; beyond, send() waits. Every send ends within about twice delivery_s, with an
    acknowledgement or an error. A send that is cancelled may still arrive. One event loop.
    """

    def __init__(
        self,
        security: KafkaSecurity,
        client_id: str,
        choose_partition: ChoosePartition,
        *,
        delivery_s: float = _DELIVERY_S,
        max_records: int = _MAX_RECORDS,
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        self._kafka = RenewableProducer(for_kafka_python(security) | _arguments(client_id, choose_partition, delivery_s))
        self._delivery_s = delivery_s
        self._room = InFlight(max_records, max_bytes)
        # kafka-python's send() waits where it doesn't know a topic (yet, or any more), so a thread calls it; one keeps the order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"{client_id}-send")
        self._outbox: deque[_Sending] = deque()
        self._unsettled: dict[asyncio.Future[RecordMetadata], float] = {}
        self._watch: asyncio.TimerHandle | None = None
        self._started = self._closed = False
        self._inbox: LoopInbox[tuple[_Sending, Any]]

    async def start(self, topics: Iterable[str] = ()) -> None:
        """Connect and learn about topics, so that their first records don't wait. Raises KafkaAway."""
        self._inbox = LoopInbox(asyncio.get_running_loop(), self._settle)
        try:
            producer = await self._run(self._kafka.open)
            for topic in topics:
                await self._run(producer.partitions_for, topic)
        except KafkaError as error:
            await self.close()
            raise translated(error) from error
        self._started = True

    async def send(
        self, topic: str, key: bytes, value: bytes | None, headers: Headers = (), partition: int | None = None
    ) -> RecordMetadata:
        """Send one record and return where it is. Raises KafkaAway or RecordRefused."""
        return await (await self._begin(Outgoing(topic, key, value, headers, partition)))

    async def send_many(self, records: Sequence[Outgoing]) -> list[RecordMetadata]:
        """Send records and return where they are, in their order.

        Raises the first error after the fates of all that were begun are known; those without an error are in Kafka then.
        """
        begun: list[asyncio.Future[RecordMetadata]] = []
        failed: Exception | None = None
        for record in records:
            try:
                begun.append(await self._begin(record))
            except KafkaAway as error:
                failed = error
                break
        fates = await asyncio.gather(*begun, return_exceptions=True)
        failed = next((fate for fate in fates if isinstance(fate, Exception)), failed)
        if failed is not None:
            raise failed
        return [fate for fate in fates if isinstance(fate, RecordMetadata)]

    async def flush(self) -> None:
        """Return when everything sent so far has its fate."""
        await asyncio.gather(*self._unsettled, return_exceptions=True)

    async def close(self) -> None:
        """Wait for what was sent, then disconnect; at most about twice delivery_s. Repeatable."""
        await self.flush()
        if self._watch is not None:
            self._watch.cancel()
        self._started, closed, self._closed = False, self._closed, True
        if not closed:
            await self._run(self._kafka.close, 2 * self._delivery_s)
        self._thread.shutdown(wait=False)

    async def _begin(self, record: Outgoing) -> "asyncio.Future[RecordMetadata]":
        """Hand record over when there is room for it; the future gets its fate."""
        if not self._started:
            raise KafkaAway("the producer is not started")
        if not self._room.enter_now(record.size):
            await self._wait_for_room(record.size)
        loop = asyncio.get_running_loop()
        sending = _Sending(record, time.monotonic(), loop.create_future())
        self._unsettled[sending.done] = sending.started
        if self._watch is None:
            self._watch = loop.call_later(self._delivery_s, self._look_for_overdue)
        PRODUCER_IN_FLIGHT.set(self._room.records)
        self._outbox.append(sending)
        if len(self._outbox) == 1:
            self._thread.submit(self._hand_over)
        return sending.done

    async def _wait_for_room(self, size: int) -> None:
        PRODUCER_WAITING.set(self._room.waiting + 1)
        try:
            async with asyncio.timeout(self._delivery_s):
                await self._room.enter(size)
        except TimeoutError:
            raise KafkaAway("too many records wait for Kafka's acknowledgement") from None
        finally:
            PRODUCER_WAITING.set(self._room.waiting)

    def _hand_over(self) -> None:
        """Give everything in the outbox to kafka-python. Runs on the thread."""
        while self._outbox:
            # Removed only afterwards: while one is there, nobody submits another run.
            self._hand_over_one(self._outbox[0])
            self._outbox.popleft()

    def _hand_over_one(self, sending: _Sending) -> None:
        record = sending.record
        if time.monotonic() - sending.started > self._delivery_s:
            self._inbox.put((sending, KafkaAway(f"topic {record.topic} could not be reached; does it exist?")))
            return
        try:
            producer = self._kafka.open()
            future = producer.send(
                record.topic, value=record.value, key=record.key, headers=list(record.headers), partition=record.partition
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the sender must hear of it
            self._inbox.put((sending, error))
            return
        future.add_callback(lambda metadata: self._inbox.put((sending, metadata)))
        future.add_errback(lambda error: self._fail(sending, error, producer))

    def _fail(self, sending: _Sending, error: Exception, producer: Any) -> None:
        """Note that a record failed. Runs on a thread of kafka-python's."""
        self._inbox.put((sending, error))
        # Whatever it was, kafka-python has forgotten its producer id by now.
        self._thread.submit(self._kafka.abandon, producer)

    def _look_for_overdue(self) -> None:
        """Give kafka-python up where it has left a record without a fate for longer than it may. Runs in the loop."""
        self._watch = None
        if not self._unsettled:
            return
        if time.monotonic() - next(iter(self._unsettled.values())) > 1.5 * self._delivery_s:
            self._thread.submit(lambda: self._kafka.abandon(self._kafka.current))
        self._watch = asyncio.get_running_loop().call_later(self._delivery_s / 4, self._look_for_overdue)

    def _settle(self, outcomes: list[tuple[_Sending, Any]]) -> None:
        """Tell the senders their records' fates. Runs in the loop."""
        now = time.monotonic()
        for sending, outcome in outcomes:
            self._room.leave(sending.record.size)
            self._unsettled.pop(sending.done, None)
            topic = sending.record.topic
            failed = isinstance(outcome, BaseException)
            PRODUCER_RECORDS.labels(topic, "failed" if failed else "acknowledged").inc()
            PRODUCER_ACK_SECONDS.labels(topic).observe(now - sending.started)
            if sending.done.done():
                continue  # the sender was cancelled
            if failed:
                known = isinstance(outcome, KafkaAway | RecordRefused)
                sending.done.set_exception(outcome if known else translated(outcome))
            else:
                sending.done.set_result(RecordMetadata(topic, outcome.partition, outcome.offset, outcome.timestamp))
        PRODUCER_IN_FLIGHT.set(self._room.records)

    async def _run(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)


class _ByKey(Partitioner):
    """kafka-python's shape of a function that chooses a partition."""

    def __init__(self, choose: ChoosePartition) -> None:
        self._choose = choose

    def partition(  # noqa: PLR0917 - kafka-python's signature
        self, topic: str, key: Any, serialized_key: bytes | None, value: Any, serialized_value: Any, cluster: Any
    ) -> int:
        """Return the partition of a record."""
        del key, value, serialized_value
        everything = sorted(cluster.partitions_for_topic(topic))
        return self._choose(serialized_key, everything, cluster.available_partitions_for_topic(topic) or ())


def _arguments(client_id: str, choose_partition: ChoosePartition, delivery_s: float) -> dict[str, Any]:
    milliseconds = int(delivery_s * 1000)
    return {
        "client_id": client_id,
        "acks": "all",
        "enable_idempotence": True,
        "partitioner": _ByKey(choose_partition),
        # A request costs this process and the broker as much as dozens of records do.
        "linger_ms": 5,
        "batch_size": 128 * 1024,
        # kafka-python computes checksums in Python where crc32c is missing: 0.1 ms a kB. gzip makes that less.
        "compression_type": "lz4" if has_lz4() else "gzip",
        "max_request_size": _MAX_REQUEST,
        "delivery_timeout_ms": milliseconds,
        "request_timeout_ms": milliseconds // 2,
        "max_block_ms": milliseconds // 3,
        "bootstrap_timeout_ms": milliseconds,
        # The default backs off up to half a minute: a broker that is back would go unnoticed.
        "reconnect_backoff_max_ms": 1000,
        "kafka_client": known_topics_only,
        "metrics_enabled": False,
    }
