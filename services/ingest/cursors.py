"""The ledger of the sources, kept in the compacted topic `sluice.sources.v1`: where each goes on after a restart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from services.contracts.cloud_events import SOURCE_ADVANCED, cloud_event
from services.contracts.codec import UndecodableRecord
from services.contracts.topics import SOURCES
from services.ingest.sending import RecordSender, send_all, source_uri
from services.ingest.source import Cursor
from services.ingest.source_state import SourceState, state_from_bytes, state_to_bytes
from services.runtime import metrics
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Outgoing, Record, TopicPartition

log = structlog.get_logger()


async def read_states(security: KafkaSecurity) -> dict[str, SourceState]:
    """Read the whole ledger back: source id → its last state. Raises LookupError without the topic, KafkaError without Kafka.

    A record that can't be decoded counts as no state: the source starts over, which repeats and never skips.
    """
    states: dict[str, SourceState] = {}

    def take(_partition: TopicPartition, records: Sequence[Record]) -> None:
        for record in records:
            source_id = (record.key or b"").decode(errors="replace")
            states.pop(source_id, None)
            try:
                if record.value is not None:
                    states[source_id] = state_from_bytes(record.value)
            except UndecodableRecord:
                log.warning("source state can't be decoded", offset=record.offset)

    await bulk_read(security, await partitions_of(security, SOURCES.name), take)
    return states


class Cursors:
    """The states of all sources in memory; every change is in Kafka before it counts. One task a source may change it."""

    def __init__(self, sender: RecordSender, states: Mapping[str, SourceState], now_ms: Callable[[], int]) -> None:
        self._sender = sender
        self._states = dict(states)
        self._now_ms = now_ms
        self._unwritten: set[str] = set()

    def state(self, source_id: str) -> SourceState:
        """Return the state of a source; a new one begins with an empty cursor."""
        return self._states.get(source_id) or SourceState(source_id)

    def cursor(self, source_id: str) -> Cursor:
        """Return where the source goes on."""
        return self.state(source_id).cursor

    async def advance(self, source_id: str, cursor: Cursor, *, accepted: int, rejected: int) -> None:
        """Store a cursor, once everything before it is acknowledged. Raises KafkaUnavailable: the old cursor then stays."""
        await self._write(replace(self._succeeded(source_id, accepted, rejected), cursor=cursor))

    async def failed(self, source_id: str, failure: str) -> None:
        """Note a failure. failure: a code or an exception's type, never anybody's text. Raises KafkaUnavailable."""
        await self._write(replace(self.state(source_id), failed_ms=self._now_ms(), failure=failure))

    def count(self, source_id: str, *, accepted: int, rejected: int) -> None:
        """Count what a source without a cursor sent; flush() writes it."""
        self._states[source_id] = self._succeeded(source_id, accepted, rejected)
        self._unwritten.add(source_id)

    async def flush(self) -> None:
        """Write what was counted. Raises KafkaUnavailable; it stays to be written then."""
        for source_id in tuple(self._unwritten):
            self._unwritten.discard(source_id)
            try:
                await self._write(self._states[source_id])
            except BaseException:
                self._unwritten.add(source_id)
                raise

    def _succeeded(self, source_id: str, accepted: int, rejected: int) -> SourceState:
        state, now_ms = self.state(source_id), self._now_ms()
        metrics.SOURCE_SUCCEEDED.labels(source_id).set(now_ms / 1000)
        return replace(
            state,
            succeeded_ms=now_ms,
            failed_ms=0,
            failure="",
            accepted_count=state.accepted_count + accepted,
            rejected_count=state.rejected_count + rejected,
        )

    async def _write(self, state: SourceState) -> None:
        now_ms = self._now_ms()
        headers = cloud_event(
            event_type=SOURCE_ADVANCED,
            event_id=f"{now_ms}:{state.accepted_count}:{state.rejected_count}",
            source=source_uri(state.source_id),
            subject=state.source_id,
            time_ms=now_ms,
        )
        record = Outgoing(SOURCES.name, state.source_id.encode(), state_to_bytes(state), headers)
        await send_all(self._sender, [record])
        self._states[state.source_id] = state
