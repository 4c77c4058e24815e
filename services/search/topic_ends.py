"""Where a topic ends, asked again and again: nobody who only follows it can tell a quiet topic from a broken connection."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import structlog
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition as ClientPartition

from services.runtime.bulk_read import partitions_of, read_consumer, stop_consumer
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import TopicPartition

log = structlog.get_logger()

ANSWER_SECONDS = 2.0
_ASK_SECONDS = 1.0


async def known_partitions(security: KafkaSecurity, topic: str) -> list[TopicPartition]:
    """Return the partitions of a topic as soon as the brokers answer. Raises LookupError where there is no such topic."""
    while True:
        try:
            return await partitions_of(security, topic)
        except (KafkaError, OSError) as error:
            log.warning("topic is asked for again", topic=topic, cause=type(error).__name__)
            await asyncio.sleep(_ASK_SECONDS)


async def topic_ends(
    security: KafkaSecurity, partitions: Sequence[TopicPartition], now: Callable[[], float]
) -> AsyncIterator[tuple[float, Mapping[TopicPartition, int]]]:
    """Yield for ever, about once a second: a moment of now, and offsets before which lies everything committed by then."""
    asked = [ClientPartition(*tp) for tp in partitions]
    while True:
        consumer = read_consumer(security, "topic-ends", request_timeout_ms=int(ANSWER_SECONDS * 1000))
        try:
            await consumer.start()
            while True:
                asked_at = now()
                async with asyncio.timeout(ANSWER_SECONDS):
                    ends = await consumer.end_offsets(asked)
                yield asked_at, {TopicPartition(*tp): end for tp, end in ends.items()}
                await asyncio.sleep(_ASK_SECONDS)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("the ends of a topic are not known", cause=type(error).__name__)
        finally:
            await stop_consumer(consumer)
        await asyncio.sleep(_ASK_SECONDS)
