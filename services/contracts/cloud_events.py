"""The headers of every record: the CloudEvents 1.0 Kafka protocol binding, binary content mode."""

from collections.abc import Iterable
from datetime import UTC, datetime

Headers = list[tuple[str, bytes]]

ACCEPTED = "sluice.activity.v1.accepted"
REFINED = "sluice.activity.v1.refined"
RELATED = "sluice.relation.v1.changed"
IDENTIFIED = "sluice.identity.v1.changed"
MARKED = "sluice.marker.v1.changed"
PROGRESSED = "sluice.index-progress.v1.advanced"
SOURCE_ADVANCED = "sluice.source.v1.advanced"

# The offset in sluice.activities.raw.v1 that a refined record came from: after a crash, what was folded isn't folded again.
RAW_OFFSET = "sluice_rawoffset"
# Hex digest of what the source said: with it refine tells a repetition from a change after a restart too.
RAW_DIGEST = "sluice_rawdigest"

# What a dead letter says of itself.
DLQ_REASON = "sluice_reason"
DLQ_DETAIL = "sluice_detail"
DLQ_ORIGIN = "sluice_origin"
DLQ_ATTEMPTS = "sluice_attempts"


def cloud_event(*, event_type: str, event_id: str, source: str, subject: str, time_ms: int) -> Headers:
    """Return the headers of one event. event_id and source together are unique; subject: the activity id or the edge's subject."""
    time = datetime.fromtimestamp(time_ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": source,
        "ce_type": event_type,
        "ce_subject": subject,
        "ce_time": time,
        "content-type": "application/protobuf",
    }
    return [(name, value.encode()) for name, value in attributes.items()]


def dead_letter(*, reason: str, detail: str, origin: str, attempts: int = 1) -> Headers:
    """Return the headers of a dead letter.

    reason: a stable code such as `published-out-of-range`; detail: a sentence that names
    fields and limits but never content; origin: `topic/partition/offset` or the source id.
    """
    fields = {DLQ_REASON: reason, DLQ_DETAIL: detail, DLQ_ORIGIN: origin, DLQ_ATTEMPTS: str(attempts)}
    return [(name, value.encode()) for name, value in fields.items()]


def attempts_of(headers: Iterable[tuple[str, bytes | None]]) -> int:
    """Return which attempt a record is: 1, or what the replay of a dead letter wrote into its headers."""
    for name, value in headers:
        if name == DLQ_ATTEMPTS and value and value.isdigit():
            return int(value)
    return 1
