"""`python -m bench.bare_consumer ORDER`: what aiokafka alone takes to hand over records, on one core.

The ceiling of everything that reads topics: `getmany`, nothing decoded, nothing kept. ORDER is JSON: bootstrap, spans, core.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import uvloop
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from bench.cores import bind
from services.runtime.parent_death import service_command

_AT_ONCE = 4_000
_HUNG_S = 300.0


@dataclass(frozen=True, slots=True)
class BareRead:
    """From the first fetch to the last record: seconds by the clock, and seconds of the processor, all threads."""

    seconds: float
    processor_seconds: float


#: Topic, partition, where it begins, the offset behind the last.
Span = tuple[str, int, int, int]


def spans(topic: str, begins: Mapping[int, int], ends: Mapping[int, int]) -> list[Span]:
    """Return what is to be read of a topic. begins: 0 where they say nothing."""
    return [(topic, partition, begins.get(partition, 0), end) for partition, end in ends.items()]


def bare_read(bootstrap: str, to_read: Sequence[Span], core: int) -> BareRead:
    """Return what handing over all records takes, in a new process on core."""
    command = service_command("bench.bare_consumer", [json.dumps({"bootstrap": bootstrap, "spans": to_read, "core": core})])
    done = subprocess.run(command, capture_output=True, text=True, timeout=_HUNG_S, check=True)  # noqa: S603 - our own module
    return BareRead(**json.loads(done.stdout))


async def read(bootstrap: str, to_read: Sequence[Span]) -> BareRead:
    """Read spans."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, max_partition_fetch_bytes=4 * 1024 * 1024
    )
    await consumer.start()
    try:
        unread = {TopicPartition(topic, partition): end for topic, partition, _, end in to_read}
        consumer.assign(list(unread))
        begun, used = time.perf_counter(), time.process_time()
        for topic, partition, begin, _ in to_read:
            consumer.seek(TopicPartition(topic, partition), begin)
        while unread:
            for tp, records in (await consumer.getmany(timeout_ms=200, max_records=_AT_ONCE)).items():
                if tp in unread and records[-1].offset + 1 >= unread[tp]:
                    del unread[tp]
        return BareRead(time.perf_counter() - begun, time.process_time() - used)
    finally:
        await consumer.stop()


def main() -> None:
    """Read and print what it took."""
    order = json.loads(sys.argv[1])
    bind((order["core"],))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(read(order["bootstrap"], order["spans"])))))


if __name__ == "__main__":
    main()
