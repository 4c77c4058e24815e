"""The ceiling of everything that goes through topics: bare records, sent, read, sent again, read again."""

import asyncio
import time
import uuid
from typing import Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.contracts.topics import FEEDS_DLQ, INGEST_DLQ
from services.runtime.confirmed_sends import build_producer
from services.runtime.kafka_security import KafkaSecurity

# Topics of one partition that nobody follows.
_FIRST, _SECOND = INGEST_DLQ.name, FEEDS_DLQ.name
_LOST_S = 30.0


class Hops:
    """Sends probes through one topic or two, with the plainest clients. For use inside one running loop."""

    def __init__(self, security: KafkaSecurity) -> None:
        self._producer: AIOKafkaProducer = build_producer(security, "bench-hops", linger_ms=0)
        self._consumers = [
            AIOKafkaConsumer(topic, bootstrap_servers=security.bootstrap, group_id=None, enable_auto_commit=False)
            for topic in (_FIRST, _SECOND)
        ]
        self._arrived: dict[bytes, asyncio.Future[None]] = {}

    async def __aenter__(self) -> Self:
        await self._producer.start()
        for consumer in self._consumers:
            await consumer.start()
            # The end is looked up at the first fetch otherwise, and a probe may be there before.
            await consumer.seek_to_end()
            await asyncio.gather(*map(consumer.position, consumer.assignment()))
        first, second = self._consumers
        self._tasks = [asyncio.create_task(self._pass_on(first)), asyncio.create_task(self._note(second))]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for consumer in self._consumers:
            await consumer.stop()
        await self._producer.stop()

    async def milliseconds(self, hops: int) -> float:
        """Send a probe through one topic or two; return how long it took. Raises TimeoutError when it doesn't arrive."""
        key = uuid.uuid4().bytes
        self._arrived[key] = asyncio.get_running_loop().create_future()
        begun = time.perf_counter()
        await self._producer.send_and_wait(_FIRST if hops > 1 else _SECOND, b"x", key)
        await asyncio.wait_for(self._arrived[key], _LOST_S)
        del self._arrived[key]
        return (time.perf_counter() - begun) * 1000

    async def _pass_on(self, consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            if record.key in self._arrived:
                await self._producer.send(_SECOND, record.value, record.key)

    async def _note(self, consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            arrived = self._arrived.get(record.key)
            if arrived is not None and not arrived.done():
                arrived.set_result(None)
