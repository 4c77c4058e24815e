"""`python -m bench.bare_refine ORDER`: what refine's parts cost alone, on one core. Prints processor seconds of a record, by part.

The ceiling of refine: parse, sanitise, extract, detect, serialise, produce, each in a loop of its own; nothing is fetched, digested,
folded, tagged, made safe, checked or noted. ORDER is JSON: bootstrap, topic (to produce to, its own), partitions, count, first, core.
"""

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import uvloop
from sluice.activity.v1 import activity_pb2 as pb

from bench.activities import LogRecord
from bench.cores import bind
from bench.posts import raw_posts
from services.runtime.appends import append_confirmed
from services.runtime.confirmed_sends import build_producer
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.parent_death import service_command
from services.runtime.records import TopicPartition
from services.stream.refine.agent import SLICE
from services.stream.refine.language import language_of, load_classifier
from services.stream.refine.partition_refiner import Emission, PartitionRefiner
from services.stream.refine.sanitising import sanitise_html
from services.stream.refine.text_extraction import extract
from services.stream.refine.winners import Winners
from services.stream.refine.worker import WRITTEN_AT_ONCE

PARTS = ("parse", "sanitise", "extract", "detect", "serialise", "produce")
_HUNG_S = 300.0
T = TypeVar("T")

#: One partition's emissions.
Slice = tuple[int, Sequence[Emission]]


def bare_parts(bootstrap: str, topic: str, *, partitions: int, count: int, first: int, core: int) -> dict[str, float]:
    """Return the processor seconds of a record, by part, in a new process on core."""
    order = {"bootstrap": bootstrap, "topic": topic, "partitions": partitions, "count": count, "first": first, "core": core}
    command = service_command("bench.bare_refine", [json.dumps(order)])
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=_HUNG_S, check=True)  # noqa: S603 - our own module
    parts: dict[str, float] = json.loads(done.stdout)
    return parts


class BareParts:
    """seconds: of the processor, by part, for all records that were run."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._classify = load_classifier()

    def run(self, records: Sequence[LogRecord]) -> Sequence[Emission]:
        """Run all parts but produce over records of one partition; return what is to be produced."""
        refined = PartitionRefiner(Winners(), self._classify).take(records).emissions
        values = [one.value for one in refined]
        messages = [pb.Activity.FromString(value) for value in values]
        self._timed("serialise", lambda: [message.SerializeToString(deterministic=True) for message in messages])
        raw = self._timed("parse", lambda: [pb.Activity.FromString(record.value) for record in records])
        contents = [message.object.content for message in raw]
        clean = self._timed("sanitise", lambda: [sanitise_html(content) for content in contents])
        found = self._timed("extract", lambda: [extract(content) for content in clean])
        proses = [said.prose for said in found]
        self._timed("detect", lambda: [language_of("", prose, self._classify) for prose in proses])
        return refined

    async def produce(self, bootstrap: str, topic: str, slices: Sequence[Slice]) -> None:
        """Append slices and hear that the broker has them."""
        producer = build_producer(KafkaSecurity(bootstrap), "bench-bare", max_batch_size=WRITTEN_AT_ONCE)
        await producer.start()
        try:
            begun = time.process_time()
            for partition, emissions in slices:
                await append_confirmed(producer, TopicPartition(topic, partition), emissions)
            self.seconds["produce"] = time.process_time() - begun
        finally:
            await producer.stop()

    def _timed(self, part: str, work: Callable[[], T]) -> T:
        begun = time.process_time()
        result = work()
        self.seconds[part] += time.process_time() - begun
        return result


async def measure(order: dict[str, Any]) -> dict[str, float]:
    """Return the processor seconds of a record, by part."""
    by_partition: dict[int, list[LogRecord]] = {}
    for at, record in enumerate(raw_posts(order["count"], first=order["first"], partitions=order["partitions"])):
        by_partition.setdefault(record.partition, []).append(record._replace(offset=at))
    parts, slices = BareParts(), list[Slice]()
    gc.disable()
    for partition, records in by_partition.items():
        starts = range(0, len(records), SLICE)
        slices += [(partition, parts.run(records[start : start + SLICE])) for start in starts]
    await parts.produce(order["bootstrap"], order["topic"], slices)
    return {part: seconds / order["count"] for part, seconds in parts.seconds.items()}


def main() -> None:
    """Measure and print."""
    order = json.loads(sys.argv[1])
    bind((order["core"],))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(measure(order))))


if __name__ == "__main__":
    main()
