"""Agents over whole chunks: a batch is acknowledged when, and only when, its handler has returned.

Plain Faust acknowledges a batch whose agent raised, which loses it. Here a handler raises only for failures of the
infrastructure (a broker or an index that is away): the batch stays unacknowledged, nothing after it is committed, and
the worker stops, so that the batch is read again after the restart. What is wrong with a single record is dealt with
inside the handler, see `record_errors`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import faust

from services.runtime.records import Record, TopicPartition


@dataclass(frozen=True, slots=True)
class Batch:
    """What was fetched from one partition in one go. records: at least one, offsets rising, gaps possible."""

    partition: TopicPartition
    records: Sequence[Record]

    @property
    def next_offset(self) -> int:
        """The offset behind the last record: the committed position once the batch is handled."""
        return self.records[-1].offset + 1


#: Handles one batch. All that it sent must be confirmed when it returns (see `confirmed_sends`), since its return is
#: the acknowledgement. It may see records again: after a restart, a rebalance or a failure.
BatchHandler = Callable[[Batch], Awaitable[None]]
#: Told once of the failure that ends the worker; `FaustWorker.fail` is one.
OnFailure = Callable[[Exception], None]


def add_batch_agent(app: faust.App, topic: str, handle: BatchHandler, on_failure: OnFailure) -> None:
    """Let handle see every batch of topic, one at a time, partitions taking turns.

    topic must be among the app's batched_topics. Batches of one partition come in the order of the log. Different
    agents of one app run concurrently, one agent's batches never.
    """
    channel = app.topic(topic, value_type=bytes, value_serializer="raw", key_serializer="raw")

    async def agent(stream: faust.Stream) -> None:
        await run_batches(stream, handle, on_failure)

    app.agent(channel, name=f"batches-{topic}", concurrency=1)(agent)


async def run_batches(stream: faust.Stream, handle: BatchHandler, on_failure: OnFailure) -> None:
    """Handle the batches of stream until it is cancelled; see the module for what happens when handle raises."""
    batches = stream.noack()
    async for records in batches:
        event = batches.current_event
        tp = event.message.tp
        try:
            await handle(Batch(TopicPartition(tp.topic, tp.partition), records))
        except Exception as error:  # noqa: BLE001 - whatever it is, the batch must not be acknowledged
            on_failure(error)
            # Returning would let Faust start another agent that goes on behind the failed batch.
            await asyncio.Event().wait()
        event.ack()
