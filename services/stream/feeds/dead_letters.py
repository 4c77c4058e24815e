"""What the feeds can't take goes to their dead letter queue, with the reason and where it came from."""

import structlog
from aiokafka import AIOKafkaProducer

from services.contracts.cloud_events import dead_letter
from services.contracts.topics import FEEDS_DLQ
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.kept_records import kept
from services.runtime.metrics import DEAD_LETTERS
from services.runtime.records import Outgoing, Record

log = structlog.get_logger()

UNDECODABLE = "undecodable"


class DeadLetters:
    """Keeps records that can't be understood. Returning means that the broker has them; keeping one again makes a second letter."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def keep(self, record: Record, error: Exception) -> None:
        """Keep one record. error: what it provoked; only its type is told, its text might quote the record."""
        origin = f"{record.topic}/{record.partition}/{record.offset}"
        letter = kept(record)
        headers = dead_letter(reason=UNDECODABLE, detail=f"{type(error).__name__}{letter.note}", origin=origin)
        await send_confirmed(self._producer, [Outgoing(FEEDS_DLQ.name, letter.key, letter.value, headers)])
        DEAD_LETTERS.labels("feeds", UNDECODABLE).inc()
        log.warning("record can't be taken", origin=origin, cause=type(error).__name__)
