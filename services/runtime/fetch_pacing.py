"""Empty fetches that answer at once are spaced out.

A broker holds an empty fetch back for `fetch.max.wait.ms`. The embedded one answers at once, and a client that asks again at once
then keeps two processors busy with nothing (measured: 1,400 fetches/s for each consumer). With a broker that waits, this does nothing.
"""

import asyncio
import time
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.protocol.fetch import FetchRequest

# The first pause is short, because what follows an empty answer is often the next record; an idle consumer asks 40 times a second.
_SHORTEST_S = 0.002
_LONGEST_S = 0.025


def is_empty(response: Any) -> bool:
    """Return whether a fetch response has neither records nor an error."""
    return not any(error or data[-1] for _, partitions in response.topics for _, error, _, *data in partitions)


def paced(consumer: AIOKafkaConsumer) -> AIOKafkaConsumer:
    """Return the consumer, which from now on pauses after an empty answer that came at once; each node is paced on its own."""
    client = consumer._client  # noqa: SLF001 - aiokafka has no other place where a fetch can be seen
    send = client.send
    pauses: dict[Any, float] = {}

    async def send_paced(node_id: Any, request: Any, **options: Any) -> Any:
        if not isinstance(request, FetchRequest):
            return await send(node_id, request, **options)
        started = time.monotonic()
        response = await send(node_id, request, **options)
        if not is_empty(response):
            pauses.pop(node_id, None)
            return response
        pause = pauses.get(node_id, _SHORTEST_S)
        pauses[node_id] = min(_LONGEST_S, 2 * pause)
        await asyncio.sleep(max(0.0, pause - (time.monotonic() - started)))
        return response

    client.send = send_paced
    return consumer
