"""Activities that refine handles in a second of one core's time: all that the real worker does, from Kafka to Kafka.

New posts of 900 bytes, which lie in the topic when it begins. The figure counts processor time, of all threads: the broker has the other
core to itself, and the worker still waits for it between slices. By the clock is in the notes.
"""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition as ClientPartition

from bench.activities import LogRecord
from bench.bare_refine import PARTS, bare_parts
from bench.figures import Figure, Measured, Target
from bench.house import PARTITIONS, House, service
from bench.posts import raw_posts
from bench.row import Context, Need, Row
from services.cli.processes import ProcessFailed, ServiceProcess
from services.contracts.topics import ACTIVITIES, ACTIVITIES_RAW
from services.runtime.appends import append_confirmed
from services.runtime.bulk_read import read_consumer
from services.runtime.confirmed_sends import build_producer
from services.runtime.kafka_admin import WantedTopic, admin_client, apply_topics
from services.runtime.records import TopicPartition
from services.stream.refine.worker import WRITTEN_AT_ONCE

REFINE = Figure(
    "refine_activities_per_s",
    "1/s",
    Target(at_least=6_000, ratio_at_least=0.6),
    "its parts alone: parse, sanitise, extract, detect, serialise, produce",
)
_BARE_TOPIC = "bench.bare-refine"
_START_S, _HUNG_S, _LOOK_S = 60.0, 120.0, 0.02


class _Refine:
    """The real process on the measured core."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.process: ServiceProcess = service(
            house, "refine", "services.stream", ("--role", "refine"), house.environment("refine-0")
        )
        self._written = 0

    def start(self) -> None:
        """Start it on the measured core; return when it refines."""
        cores = self._house.context.cores
        cores.measure_here()
        try:
            self.process.start()
        finally:
            cores.load_here()
        self.process.wait_ready(time.monotonic() + _START_S)

    async def seconds(self, producer: AIOKafkaProducer, count: int, first: int) -> tuple[float, float]:
        """Let it refine new posts that all lie in the topic when it begins; return the seconds of its processor, and those by the clock."""
        by_partition: dict[int, list[LogRecord]] = {}
        for post in raw_posts(count, first=first, partitions=PARTITIONS):
            by_partition.setdefault(post.partition, []).append(post)
        pid = self.process.pid
        # Writing takes a second or two; the worker's place in its group is kept for eight.
        os.kill(pid, signal.SIGSTOP)
        try:
            for partition, posts in by_partition.items():
                await append_confirmed(producer, TopicPartition(ACTIVITIES_RAW.name, partition), posts)
        finally:
            os.kill(pid, signal.SIGCONT)
        before, begun = processor_seconds(pid), time.monotonic()
        self._written += count
        await self._until_written()
        return processor_seconds(pid) - before, time.monotonic() - begun

    async def _until_written(self) -> None:
        consumer = read_consumer(self._house.security, "bench-refined")
        await consumer.start()
        try:
            deadline = time.monotonic() + _HUNG_S
            partitions = [ClientPartition(ACTIVITIES.name, number) for number in range(PARTITIONS)]
            while sum((await consumer.end_offsets(partitions)).values()) < self._written:
                if time.monotonic() > deadline or not self.process.alive():
                    raise ProcessFailed(f"refine does not go on; the end of its log:\n{self.process.log_tail()}")
                await asyncio.sleep(_LOOK_S)
        finally:
            await consumer.stop()


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has taken, all threads, user and system; to a hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _measured(context: Context) -> Measured:
    house, count = House(context), context.size(40_000, 12_000)
    with admin_client(house.security) as client:
        apply_topics(client, [WantedTopic(_BARE_TOPIC, PARTITIONS, 1)])
    refine = _Refine(house)
    rates, ceilings, clock, parts = [], [], [], []
    try:
        await asyncio.to_thread(refine.start)
        async with build_producer(house.security, "bench-posts", max_batch_size=WRITTEN_AT_ONCE) as producer:
            await refine.seconds(producer, count // 10, 0)
            for first in range(count, count * (context.repeats + 1), count):
                seconds, by_clock = await refine.seconds(producer, count, first)
                rates.append(count / seconds)
                clock.append(count / by_clock)
                bare = await asyncio.to_thread(
                    bare_parts,
                    context.bootstrap,
                    _BARE_TOPIC,
                    partitions=PARTITIONS,
                    count=count // 4,
                    first=first,
                    core=context.cores.measured,
                )
                parts.append(bare)
                ceilings.append(1 / sum(bare.values()))
    finally:
        refine.process.stop()
        refine.process.wait(20.0)
    notes = {f"{part}_us": round(median(one[part] for one in parts) * 1e6, 1) for part in PARTS}
    return Measured(rates, ceilings, {"activities": count, "by_the_clock_per_s": round(median(clock)), **notes})


def run(context: Context) -> Mapping[str, Measured]:
    """Measure on servers."""
    return {REFINE.name: asyncio.run(_measured(context))}


ROW = Row((REFINE,), run, frozenset({Need.BROKER}), seconds=300)
