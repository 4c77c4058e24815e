"""Writing what was accepted to Kafka. Returning means that Kafka has acknowledged it on all in-sync replicas."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.contracts.cloud_events import ACCEPTED, cloud_event, dead_letter
from services.contracts.topics import ACTIVITIES_RAW, INGEST_DLQ
from services.ingest.acceptance import Accepted
from services.ingest.cleaning import clean_text
from services.ingest.sending import RecordSender, send_all, source_uri
from services.ingest.source import Rejection
from services.runtime import metrics
from services.runtime.records import Outgoing

# Room for the headers below max.message.bytes.
MAX_DEAD_LETTER_BYTES = 1_572_864
_MAX_DETAIL = 500


@dataclass(frozen=True, slots=True)
class Published:
    """Where an activity is kept in `sluice.activities.raw.v1`."""

    id: str
    partition: int
    offset: int


class ActivityPublisher(Protocol):
    """The way out of ingest. Raising KafkaUnavailable means that some may be in; repeating all changes nothing."""

    async def publish(self, accepted: Sequence[Accepted]) -> list[Published]:
        """Publish and return where each is, in order, once all are acknowledged. Raises KafkaUnavailable."""

    async def reject(self, rejections: Sequence[Rejection], *, origin: str) -> None:
        """Keep what couldn't be taken, with its reason; return once acknowledged. origin: source id. Raises KafkaUnavailable."""


class KafkaPublisher:
    """Publishes to `sluice.activities.raw.v1`, and what was rejected to `sluice.ingest.dlq.v1`."""

    def __init__(self, sender: RecordSender) -> None:
        self._sender = sender

    async def publish(self, accepted: Sequence[Accepted]) -> list[Published]:
        """As ActivityPublisher says."""
        started = time.perf_counter()
        placed = await send_all(self._sender, [_record(item) for item in accepted])
        if accepted:
            metrics.INGEST_PUBLISH_SECONDS.observe(time.perf_counter() - started)
        for item in accepted:
            metrics.INGEST_ACCEPTED.labels(item.activity.source.kind).inc()
        return [Published(item.activity.id, place.partition, place.offset) for item, place in zip(accepted, placed, strict=True)]

    async def reject(self, rejections: Sequence[Rejection], *, origin: str) -> None:
        """As ActivityPublisher says. A payload above MAX_DEAD_LETTER_BYTES is cut, and its detail says so."""
        await send_all(self._sender, [_dead_letter(rejection, origin) for rejection in rejections])
        for rejection in rejections:
            metrics.DEAD_LETTERS.labels("ingest", rejection.reason).inc()


def _record(item: Accepted) -> Outgoing:
    activity = item.activity
    headers = cloud_event(
        event_type=ACCEPTED,
        event_id=f"{activity.id}:{activity.version}:{activity.accepted_ms}",
        source=source_uri(activity.source.kind, activity.source.instance),
        subject=activity.id,
        time_ms=activity.accepted_ms,
    )
    return Outgoing(ACTIVITIES_RAW.name, item.key, item.value, headers)


def _dead_letter(rejection: Rejection, origin: str) -> Outgoing:
    payload, detail = rejection.payload, clean_text(rejection.detail, _MAX_DETAIL)
    if len(payload) > MAX_DEAD_LETTER_BYTES:
        detail += f" (the first {MAX_DEAD_LETTER_BYTES} of {len(payload)} bytes)"
        payload = payload[:MAX_DEAD_LETTER_BYTES]
    key = clean_text(rejection.native_id or origin, _MAX_DETAIL).encode()
    headers = dead_letter(reason=clean_text(rejection.reason), detail=detail, origin=origin)
    return Outgoing(INGEST_DLQ.name, key, payload, headers)
