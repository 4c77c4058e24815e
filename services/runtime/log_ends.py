"""Asking the brokers where partitions end now."""

import asyncio
from collections.abc import Collection

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition as ClientPartition

from services.runtime.bulk_read import read_consumer, stop_consumer
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import TopicPartition

_ANSWER_SECONDS = 2.0


class LogEnds:
    """One client for many questions. It connects at the first, and anew after one that failed; close it."""

    def __init__(self, security: KafkaSecurity, client_id: str) -> None:
        self._security = security
        self._client_id = client_id
        self._connecting = asyncio.Lock()
        self._consumer: AIOKafkaConsumer | None = None

    async def of(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset behind the last record that every consumer sees, by partition. Raises KafkaError, OSError, TimeoutError.

        What was acknowledged before the call is below it.
        """
        consumer = await self._connected()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                ends = await consumer.end_offsets([ClientPartition(*tp) for tp in partitions])
        except (KafkaError, OSError, TimeoutError):
            if self._consumer is consumer:
                await self.close()
            raise
        return {TopicPartition(*tp): end for tp, end in ends.items()}

    async def close(self) -> None:
        """Disconnect. Repeatable; questions under way fail."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    async def _connected(self) -> AIOKafkaConsumer:
        async with self._connecting:
            if self._consumer is None:
                consumer = read_consumer(self._security, self._client_id, request_timeout_ms=int(_ANSWER_SECONDS * 1000))
                try:
                    await consumer.start()
                except BaseException:
                    await stop_consumer(consumer)
                    raise
                self._consumer = consumer
            return self._consumer
