"""One source's line in the ledger `sluice.sources.v1`: where it goes on after a restart, and how it has been doing."""

from dataclasses import dataclass, field

import orjson
from google.protobuf.message import DecodeError
from sluice.activity.v1 import source_state_pb2 as pb

from services.contracts.codec import UndecodableRecord, milliseconds, timestamp
from services.ingest.source import Cursor


@dataclass(frozen=True, slots=True)
class SourceState:
    """cursor: everything before it is acknowledged by Kafka. Times: int64 ms since the epoch, 0 where it never happened."""

    source_id: str
    cursor: Cursor = field(default_factory=dict)
    succeeded_ms: int = 0
    failed_ms: int = 0
    failure: str = ""
    accepted_count: int = 0
    rejected_count: int = 0


def state_to_bytes(state: SourceState) -> bytes:
    """Return the record value. Raises TypeError where the cursor isn't JSON."""
    message = pb.SourceState(
        source_id=state.source_id,
        cursor=orjson.dumps(dict(state.cursor)),
        failure=state.failure,
        accepted_count=state.accepted_count,
        rejected_count=state.rejected_count,
    )
    if state.succeeded_ms:
        message.succeeded.CopyFrom(timestamp(state.succeeded_ms))
    if state.failed_ms:
        message.failed.CopyFrom(timestamp(state.failed_ms))
    return message.SerializeToString(deterministic=True)


def state_from_bytes(data: bytes) -> SourceState:
    """Read a record value back. Raises UndecodableRecord."""
    try:
        message = pb.SourceState.FromString(data)
        cursor = orjson.loads(message.cursor or b"{}")
    except (DecodeError, orjson.JSONDecodeError):
        raise UndecodableRecord("not a sluice.activity.v1.SourceState") from None
    return SourceState(
        source_id=message.source_id,
        cursor=cursor,
        succeeded_ms=milliseconds(message.succeeded),
        failed_ms=milliseconds(message.failed),
        failure=message.failure,
        accepted_count=message.accepted_count,
        rejected_count=message.rejected_count,
    )
