"""Keeping what the index can't take, so that nothing is lost without a reason."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.contracts.cloud_events import dead_letter
from services.contracts.topics import INDEXER_DLQ
from services.runtime import metrics
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.kept_records import kept
from services.runtime.records import Outgoing, Record
from services.search.backoff import Backoff

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record and why it was refused: a stable code, and a sentence without content."""

    record: Record
    reason: str
    detail: str


#: Returns when all letters are safely kept.
KeepLetters = Callable[[Sequence[DeadLetter]], Awaitable[None]]


def keeper(producer: AIOKafkaProducer, backoff: Backoff) -> KeepLetters:
    """Return what puts letters into the indexer's dead letter queue; it tries until Kafka has them, so some may be there twice."""

    async def keep(letters: Sequence[DeadLetter]) -> None:
        failures = 0
        while letters:
            try:
                await send_confirmed(producer, [_outgoing(letter) for letter in letters])
            except KafkaError as error:
                if not error.retriable:
                    raise
                failures += 1
                log.warning("dead letters are sent again", count=len(letters), cause=type(error).__name__)
                await asyncio.sleep(backoff.seconds(failures))
            else:
                for letter in letters:
                    metrics.DEAD_LETTERS.labels("indexer", letter.reason).inc()
                return

    return keep


def _outgoing(letter: DeadLetter) -> Outgoing:
    record = letter.record
    origin = f"{record.topic}/{record.partition}/{record.offset}"
    body = kept(record)
    headers = dead_letter(reason=letter.reason, detail=f"{letter.detail}{body.note}", origin=origin)
    return Outgoing(INDEXER_DLQ.name, body.key, body.value, [*body.headers, *headers])
