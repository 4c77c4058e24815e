"""Fetches that bring little are spaced out.

A fetch that brings a few records costs broker and reader as much as one that brings hundreds: at a thousand records a second, one at
a time, that was two processors' work. So records gather for a moment before they are asked for again.

A broker holds an empty fetch back for `fetch.max.wait.ms`. The embedded one answers at once, and a client that asks again at once
then keeps two processors busy with nothing (measured: 1,400 fetches/s for each consumer). With a broker that waits, this does nothing.
"""

import asyncio
import time
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.protocol.fetch import FetchRequest

GATHER_S = 0.015
# The first pause is short, because what follows an empty answer is often the next record; an idle consumer asks 40 times a second.
_SHORTEST_S = 0.002
_LONGEST_S = 0.025
# Who is behind asks again at once.
_MUCH_BYTES = 256 * 1024


def bytes_in(response: Any) -> int | None:
    """Return how many bytes of records a fetch response has; None where a partition has an error."""
    partitions = [partition for _, partitions in response.topics for partition in partitions]
    if any(error for _, error, *_ in partitions):
        return None
    return sum(len(data) for *_, data in partitions)


def paced(consumer: AIOKafkaConsumer, gather_s: float = GATHER_S) -> AIOKafkaConsumer:
    """Return the consumer, which from now on waits before it asks a node again that answered at once and had little.

    gather_s: how long records gather before they are asked for again, from question to question.
    """
    client = consumer._client  # noqa: SLF001 - aiokafka has no other place where a fetch can be seen
    send = client.send
    pauses: dict[Any, float] = {}
    not_before: dict[Any, float] = {}

    async def send_paced(node_id: Any, request: Any, **options: Any) -> Any:
        if not isinstance(request, FetchRequest):
            return await send(node_id, request, **options)
        if (left := not_before.pop(node_id, 0.0) - time.monotonic()) > 0:
            await asyncio.sleep(left)
        started = time.monotonic()
        response = await send(node_id, request, **options)
        size = bytes_in(response)
        if size == 0:
            pause = pauses.get(node_id, _SHORTEST_S)
            pauses[node_id] = min(_LONGEST_S, 2 * pause)
        else:
            pauses.pop(node_id, None)
            pause = 0.0 if size is None or size >= _MUCH_BYTES else gather_s
        not_before[node_id] = started + pause
        return response

    client.send = send_paced
    return consumer
