"""A Faust transport that delivers what was fetched from one partition as one message.

Faust spends about 120 µs on every message, whatever it holds. For the topics that ask for it, a message here is a whole
fetched chunk: its value is the list of records, its offset that of the last. Other topics go on record by record.

Faust's own commit accounting counts single offsets and their gaps; with chunks it commits late, or never where a
partition starts at offset 0. For batched topics the accounting is replaced: chunks are remembered in the order of
delivery, and the position behind the longest processed prefix is committed, whatever gaps lie between.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, ConsumerMessage
from mode.threads import QueueServiceThread

from services.runtime.bulk_read import stop_consumer
from services.runtime.fetch_pacing import paced
from services.runtime.membership import Membership, until_deaf

log = logging.getLogger(__name__)


class _Chunk(list[Any]):
    """The records fetched from one partition in one go; never empty."""

    __slots__ = ()


# Without a bound a commit waits for a broker that is away for as long as it is away, and so would every stop.
_COMMIT_SECONDS = 3.0


class _ConsumerThread(AIOKafkaConsumerThread):
    """Faust's consumer thread, with commits that end, a stop that ends, and a membership that is watched."""

    _watching: asyncio.Task[None] | None = None

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> Any:
        return paced(super()._create_consumer(loop))

    async def on_start(self) -> None:
        """Start the client. It joins the group when it is subscribed, after this."""
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - there is no public way
        self.consumer.membership.watch(coordinator)
        self._watching = asyncio.ensure_future(self._watch(coordinator))

    async def _watch(self, coordinator: Any) -> None:
        if error := await until_deaf(coordinator):
            failure = RuntimeError(f"out of the group for good: {error!r}")
            self.parent_loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self.app.crash(failure)))

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        try:
            return bool(await asyncio.wait_for(super()._commit(offsets), _COMMIT_SECONDS))
        except TimeoutError:
            log.warning("a commit of %d partitions found no broker; it is tried again", len(offsets))
            return False

    def join_again(self) -> None:
        """Join the group once more; called in the loop of this thread."""
        self._ensure_consumer()._coordinator.request_rejoin()  # noqa: SLF001 - there is no public way

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go back to the committed positions, and to the beginning where nothing is committed.

        aiokafka leaves those partitions where they are: what was fetched and thrown away during a rebalance would not be read again,
        and lost with the next commit.
        """
        committed: Mapping[TP, int] = await self.call_thread(self._go_back)
        return committed

    async def _go_back(self) -> Mapping[TP, int]:
        consumer = self._ensure_consumer()
        committed: Mapping[TP, int] = await consumer.seek_to_committed()
        never = [tp for tp, offset in committed.items() if not offset]
        if never:
            for tp, offset in (await consumer.beginning_offsets(never)).items():
                consumer.seek(tp, offset)
        return committed

    async def on_thread_stop(self) -> None:
        """Stop the client, whether or not a broker is there."""
        await QueueServiceThread.on_thread_stop(self)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._consumer is not None:
            await stop_consumer(self._consumer)


class BatchConsumer(Consumer):
    """Faust's consumer, batching the topics in batched_topics."""

    #: Set by the transport's subclass made in `batch_transport`.
    batched_topics: frozenset[str] = frozenset()
    #: How long a rebalance waits for the batch that an agent has in hand, seconds. Below the session timeout.
    handover_seconds: float = 5.0
    #: Of the group's session, seconds.
    session_seconds: float = 8.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.membership = Membership(self.session_seconds)
        self._delivered: defaultdict[TP, deque[ConsumerMessage]] = defaultdict(deque)
        self._deliver_to_streams: Callable[[ConsumerMessage], Awaitable[None]] = kwargs["callback"]
        self.callback = self._deliver
        self._quiet = False

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def join_again(self) -> None:
        """Ask the group for a new assignment, soon. Called in the consumer's thread."""
        self._thread.join_again()

    async def quiesce(self, timeout: float) -> bool:  # noqa: ASYNC109 - a drain is bounded by its caller
        """Deliver nothing more, let agents finish the batch in hand, commit what they finished.

        Returns False when a batch was still in hand after timeout seconds: it is not committed and will be read again.
        """
        self._quiet = True
        self.stop_flow()
        self.app.flow_control.suspend()
        self.app.flow_control.clear()
        deadline = asyncio.get_running_loop().time() + timeout
        while busy := any(not message.acked for message in self._unacked_messages):
            remaining = deadline - asyncio.get_running_loop().time()
            if remaining <= 0:
                break
            await asyncio.sleep(min(0.01, remaining))
        # A commit that is under way may have begun before the last acknowledgement, and Faust then skips ours.
        await self.maybe_wait_for_commit_to_finish()
        await self.commit()
        return not busy

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Hand partitions over: with the batch in hand finished and committed, if that is soon enough."""
        # Faust forgets what was acknowledged before it commits at a rebalance; all of it would be read again.
        if revoked:
            await self.quiesce(self.handover_seconds)
        for tp in revoked:
            self._delivered.pop(tp, None)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Begin anew with other partitions, or with the same."""
        self._quiet = False
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Go back to the committed positions: from here on the log is delivered again."""
        if self._quiet:
            # Faust's fetcher seeks when it finds the flow stopped. Nothing is delivered until the next assignment, and
            # forgetting the batch in hand would keep it from being committed when it is finished.
            return
        for tp in list(self._delivered):
            self._forget(tp)
        await super().perform_seek()

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:  # noqa: ASYNC109 - Faust's signature
        fetched: Mapping[TP, list[Any]] = await super()._getmany(active_partitions, timeout)
        batched = self.batched_topics
        return {tp: [_Chunk(records)] if tp.topic in batched else records for tp, records in fetched.items()}

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if not isinstance(record, _Chunk):
            return super()._to_message(tp, record)
        last = record[-1]
        return ConsumerMessage(
            topic=last.topic,
            partition=last.partition,
            offset=last.offset,
            timestamp=last.timestamp / 1000.0,
            timestamp_type=last.timestamp_type,
            headers=None,
            key=None,
            value=record,
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=0,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def _deliver(self, message: ConsumerMessage) -> None:
        if message.topic in self.batched_topics:
            # A cancelled delivery (a rebalance) leaves an entry that is never acked; the seek that follows forgets it.
            self._delivered[message.tp].append(message)
        await self._deliver_to_streams(message)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self.batched_topics:
            await super()._add_gap(tp, offset_from, offset_to)

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in self.batched_topics:
            committable: int | None = super()._new_offset(tp)
            return committable
        position = None
        for message in self._delivered[tp]:
            if not message.acked:
                break
            position = message.offset + 1
        return position

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002 - Faust's signature
        before = {tp: self._committed_offset[tp] for tp in offsets if tp.topic in self.batched_topics}
        committed: bool = await super()._commit_offsets(offsets, start_new_transaction=start_new_transaction)
        for tp, previous in before.items():
            if committed:
                self._forget(tp, below=offsets[tp])
            else:
                # Faust moves its own mark even where the broker refused; keep it, so that the next round tries again.
                self._committed_offset[tp] = previous
        return committed

    def _forget(self, tp: TP, below: int | None = None) -> None:
        """Drop the accounting of offsets lower than below, or all of it."""
        delivered = self._delivered[tp]
        while delivered and (below is None or delivered[0].offset < below):
            delivered.popleft()
        kept = [] if below is None else [offset for offset in self._acked[tp] if offset >= below]
        self._acked[tp][:] = kept
        self._acked_index[tp].intersection_update(kept)


def batch_transport(batched_topics: frozenset[str], handover_seconds: float, session_seconds: float) -> type[Transport]:
    """Return a transport class that batches these topics."""
    settings = {"batched_topics": batched_topics, "handover_seconds": handover_seconds, "session_seconds": session_seconds}
    consumer = type("BatchConsumer", (BatchConsumer,), settings)
    return type("BatchTransport", (Transport,), {"Consumer": consumer})
