"""Appending together what many callers append at the same time: one round of requests under way, the next takes all who came meanwhile.

Under load a broker then gets few large requests instead of many small ones; who is alone waits for nobody.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer

from services.runtime.appends import Appendable, append_confirmed
from services.runtime.records import TopicPartition


@dataclass(frozen=True, slots=True)
class _Waiting:
    partition: TopicPartition
    records: Sequence[Appendable]
    behind: asyncio.Future[int]


class GroupAppends:
    """Appends through one producer. Each caller's records stay together and in order."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._waiting: list[_Waiting] = []
        self._rounds: asyncio.Task[None] | None = None

    async def append(self, partition: TopicPartition, records: Sequence[Appendable]) -> int:
        """Append records, at least one, to a partition; return the offset behind the last, 0 where the broker didn't tell.

        Fails as `append_confirmed` does; a failure of a partition is that of all who appended to it in that round, and some of
        their records may then be in the log. Who is cancelled takes nothing back.
        """
        behind: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(partition, records, behind))
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._go_round())
        return await behind

    async def _go_round(self) -> None:
        try:
            while self._waiting:
                together: defaultdict[TopicPartition, list[_Waiting]] = defaultdict(list)
                for waiting in self._waiting:
                    together[waiting.partition].append(waiting)
                self._waiting = []
                await asyncio.gather(*(self._append(partition, some) for partition, some in together.items()))
        finally:
            self._rounds = None

    async def _append(self, partition: TopicPartition, some: Sequence[_Waiting]) -> None:
        try:
            offsets = await append_confirmed(self._producer, partition, [record for each in some for record in each.records])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the callers' to hear of
            for each in some:
                if not each.behind.done():
                    each.behind.set_exception(error)
            return
        end = 0
        for each in some:
            end += len(each.records)
            if not each.behind.done():
                each.behind.set_result(offsets[end - 1] + 1)
