"""`python -m bench.bare_consumer ORDER`: how long aiokafka alone takes to hand over records, on one core.

The ceiling of everything that reads a topic: `getmany`, nothing decoded, nothing kept. ORDER is JSON: bootstrap, topic, begins, ends, core.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping

import uvloop
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from bench.cores import bind
from services.runtime.parent_death import service_command

_AT_ONCE = 4_000
_HUNG_S = 300.0


def bare_seconds(bootstrap: str, topic: str, begins: Mapping[int, int], ends: Mapping[int, int], core: int) -> float:
    """Return the seconds from the first fetch to the last record, in a new process on core."""
    order = {"bootstrap": bootstrap, "topic": topic, "begins": begins, "ends": ends, "core": core}
    command = service_command("bench.bare_consumer", [json.dumps(order)])
    done = subprocess.run(command, capture_output=True, text=True, timeout=_HUNG_S, check=True)  # noqa: S603 - our own module
    return float(done.stdout)


async def read(bootstrap: str, topic: str, begins: Mapping[str, int], ends: Mapping[str, int]) -> float:
    """Read the partitions from begins to ends; return the seconds."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, max_partition_fetch_bytes=4 * 1024 * 1024
    )
    await consumer.start()
    try:
        partitions = {TopicPartition(topic, int(number)): end for number, end in ends.items()}
        consumer.assign(list(partitions))
        begun = time.perf_counter()
        for tp in partitions:
            consumer.seek(tp, begins[str(tp.partition)])
        unread = dict(partitions)
        while unread:
            for tp, records in (await consumer.getmany(timeout_ms=200, max_records=_AT_ONCE)).items():
                if tp in unread and records[-1].offset + 1 >= unread[tp]:
                    del unread[tp]
        return time.perf_counter() - begun
    finally:
        await consumer.stop()


def main() -> None:
    """Read and print the seconds."""
    order = json.loads(sys.argv[1])
    bind((order["core"],))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(read(order["bootstrap"], order["topic"], order["begins"], order["ends"])))


if __name__ == "__main__":
    main()
