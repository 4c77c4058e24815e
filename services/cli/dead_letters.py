"""Reading dead letter queues: every service's, from the beginning, in the order in which they came."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.contracts.cloud_events import DLQ_ATTEMPTS, DLQ_DETAIL, DLQ_ORIGIN, DLQ_REASON
from services.contracts.topics import DLQS
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Record, TopicPartition

OWN_HEADERS = frozenset({DLQ_REASON, DLQ_DETAIL, DLQ_ORIGIN, DLQ_ATTEMPTS})


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One letter. time_ms: when it was put there. headers: those of the original record, without the queue's own."""

    service: str
    partition: int
    offset: int
    time_ms: int
    reason: str
    detail: str
    origin: str
    attempts: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def place(self) -> str:
        """The name of the letter on the command line."""
        return f"{self.service}/{self.partition}/{self.offset}"


def letter_of(service: str, record: Record) -> DeadLetter:
    """Read one record of a queue; headers that are missing read as empty."""
    headers = {name: bytes(value or b"").decode(errors="replace") for name, value in record.headers if name in OWN_HEADERS}
    attempts = headers.get(DLQ_ATTEMPTS, "")
    return DeadLetter(
        service=service,
        partition=record.partition,
        offset=record.offset,
        time_ms=record.timestamp,
        reason=headers.get(DLQ_REASON, ""),
        detail=headers.get(DLQ_DETAIL, ""),
        origin=headers.get(DLQ_ORIGIN, ""),
        attempts=int(attempts) if attempts.isdigit() else 0,
        key=record.key,
        value=record.value,
        headers=tuple((name, bytes(value or b"")) for name, value in record.headers if name not in OWN_HEADERS),
    )


async def read_letters(security: KafkaSecurity, service: str) -> list[DeadLetter]:
    """Return all letters of a service, oldest first. Raises LookupError when the topic is missing, KafkaError when Kafka is away."""
    letters: list[DeadLetter] = []

    def take(_partition: TopicPartition, records: Sequence[Record]) -> None:
        letters.extend(letter_of(service, record) for record in records)

    await bulk_read(security, await partitions_of(security, DLQS[service].name), take)
    return sorted(letters, key=lambda letter: (letter.time_ms, letter.partition, letter.offset))
