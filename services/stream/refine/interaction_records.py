"""What an activity's new version means for what it is on: the records of `sluice.interactions.v1` that say so.

They are written before the activity's own record. So whatever is in `sluice.activities.v1` has said there what it is on; and what a crash
left without its activity is written again, the same, since its raw record isn't acknowledged.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.cloud_events import INTERACTED, EventHeaders, Headers
from services.contracts.codec import milliseconds
from services.contracts.interactions import NO_EDGE, edge_of, interaction_key, interaction_value, object_of
from services.contracts.partitions import partition_of
from services.stream.refine.refined_record import SOURCE

_HEADERS = EventHeaders(INTERACTED, SOURCE)
# What is liked is often liked again.
_KEPT_PARTITIONS = 16_384


class InteractionRecord(NamedTuple):
    """A record to be written into the partition of object_id. value None: a tombstone."""

    object_id: str
    key: bytes
    value: bytes | None
    headers: Headers


def interaction_records(message: pb.Activity, before: Iterable[bytes]) -> Iterator[InteractionRecord]:
    """Yield what a refined activity means for its objects. before: the edges that it may have had; those that it hasn't are taken back.

    The same again changes nothing.
    """
    now = edge_of(message)
    for edge in before:
        if edge not in (NO_EDGE, now):
            yield _record(edge, message, None)
    if now:
        yield _record(now, message, interaction_value(now, message))


def by_partition(records: Iterable[InteractionRecord], partitions: int) -> Mapping[int, list[InteractionRecord]]:
    """Return records by the partition of what they are on, in their order. partitions: how many the topic has."""
    gathered: dict[int, list[InteractionRecord]] = {}
    for record in records:
        gathered.setdefault(_partition(record.object_id, partitions), []).append(record)
    return gathered


@lru_cache(_KEPT_PARTITIONS)
def _partition(object_id: str, partitions: int) -> int:
    return partition_of(object_id, partitions)


def _record(edge: bytes, message: pb.Activity, value: bytes | None) -> InteractionRecord:
    state = b"" if value else b".gone"
    event_id = b"%b.%d.%b%b" % (message.id.encode(), message.version, edge.hex().encode(), state)
    headers = _HEADERS.of(event_id=event_id, subject=message.id.encode(), time_ms=milliseconds(message.accepted))
    return InteractionRecord(object_of(edge), interaction_key(edge, message.id), value, headers)
