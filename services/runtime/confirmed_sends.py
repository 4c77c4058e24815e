"""Sending to Kafka so that returning means: the brokers have it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

from services.runtime.kafka_security import KafkaSecurity, for_aiokafka
from services.runtime.records import Outgoing, TopicPartition


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Where the brokers put a record."""

    partition: TopicPartition
    offset: int


def build_producer(security: KafkaSecurity, client_id: str, **overrides: Any) -> AIOKafkaProducer:
    """Return a producer (not started) that waits for all replicas and never doubles or reorders its own retries.

    overrides: aiokafka's arguments, such as transactional_id. Must be called inside the running event loop.
    """
    arguments: dict[str, Any] = {
        "client_id": client_id,
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": "lz4",
        "linger_ms": 2,
        "max_batch_size": 256 * 1024,
        "max_request_size": 8 * 1024 * 1024,
        "request_timeout_ms": 30_000,
    }
    return AIOKafkaProducer(**for_aiokafka(security), **(arguments | overrides))


async def send_confirmed(producer: AIOKafkaProducer, messages: Iterable[Outgoing]) -> list[Confirmed]:
    """Send messages and return where each went, in order. Records of one partition keep their order.

    Raises the first failure (a KafkaError) after the fate of all is known; some of the others may then be in the log,
    so the caller sends all of them again. A producer that is stopped is a ProducerClosed.
    """
    refuse_stopped(producer)
    futures = [
        await producer.send(
            message.topic,
            key=message.key,
            value=message.value,
            partition=message.partition,
            headers=list(message.headers),
        )
        for message in messages
    ]
    if futures:
        await asyncio.wait(futures)
    metadata = [future.result() for future in futures]
    return [Confirmed(TopicPartition(sent.topic, sent.partition), sent.offset) for sent in metadata]


def refuse_stopped(producer: AIOKafkaProducer) -> None:
    """Raise ProducerClosed for a producer that is stopped.

    aiokafka asks a stopped client for a topic that it hasn't heard of, and waits for the answer for ever.
    """
    if producer._closed:  # noqa: SLF001 - there is no public way to know
        raise ProducerClosed
