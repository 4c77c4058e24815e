"""Writing interactions, each into the partition of what it is on."""

import asyncio
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from services.contracts.topics import INTERACTIONS
from services.runtime.appends import append_confirmed
from services.runtime.records import TopicPartition
from services.stream.refine.interaction_records import InteractionRecord, by_partition


async def append_interactions(producer: AIOKafkaProducer, records: Iterable[InteractionRecord], partitions: int) -> None:
    """Append records and return when the brokers have all of them. partitions: how many the topic has.

    Fails as `append_confirmed` does; some may be in the log then, and all are to be written again. Those of one object keep their order.
    """
    fates = await asyncio.gather(
        *(
            append_confirmed(producer, TopicPartition(INTERACTIONS.name, number), some)
            for number, some in by_partition(records, partitions).items()
        ),
        # What is on its way when one fails must have arrived before the same is written again.
        return_exceptions=True,
    )
    for fate in fates:
        if isinstance(fate, BaseException):
            raise fate
