"""The port through which ingest hands records to Kafka, and the error that its callers see."""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

from services.contracts.errors import ServiceUnavailable
from services.runtime.producer import KafkaAway
from services.runtime.records import Outgoing


class Placed(Protocol):
    """Where a record is."""

    @property
    def partition(self) -> int: ...  # noqa: D102 - a field
    @property
    def offset(self) -> int: ...  # noqa: D102 - a field


class RecordSender(Protocol):
    """What of the acknowledged producer is used here."""

    async def send_many(self, records: Sequence[Outgoing]) -> Sequence[Placed]:
        """Send and return where each record is, in order, once all in-sync replicas have all of them.

        Raises KafkaAway: some may be there, and sending all again is right.
        """


class KafkaUnavailable(ServiceUnavailable):
    """Kafka didn't acknowledge in time. It may still have taken some; sending all again changes nothing."""

    reason = "KAFKA_UNAVAILABLE"


async def send_all(sender: RecordSender, records: Sequence[Outgoing]) -> Sequence[Placed]:
    """Send records. Raises KafkaUnavailable."""
    if not records:
        return ()
    try:
        return await sender.send_many(records)
    except KafkaAway:
        raise KafkaUnavailable("Kafka does not acknowledge at the moment") from None


def source_uri(*parts: str) -> str:
    """Return the CloudEvents `source` of parts, a URI reference."""
    return "/" + "/".join(quote(part, safe="") for part in ("sources", *parts))
