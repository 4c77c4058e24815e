"""One bad record must not stop its partition, one broken broker must not fill the dead-letter queue."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from aiokafka.errors import KafkaError

from services.runtime.records import Record

T = TypeVar("T")

#: Failures that no record is to blame for: trying again later can succeed.
INFRASTRUCTURE: Final[tuple[type[Exception], ...]] = (KafkaError, OSError, TimeoutError, MemoryError)

#: Keeps a record that can't be handled, with the error; returns when it is safely kept (confirmed by the broker).
DeadLetter = Callable[[Record, Exception], Awaitable[None]]


async def each_record(
    records: Sequence[Record],
    handle: Callable[[Record], T],
    dead_letter: DeadLetter,
    infrastructure: tuple[type[Exception], ...] = INFRASTRUCTURE,
) -> list[T]:
    """Apply handle to every record and return the results in order, without those of the records that failed.

    A record whose handle raises goes to dead_letter and the rest go on. An error among infrastructure, or one of
    dead_letter itself, is raised: the caller must not acknowledge the batch. Records before it are then seen again.
    """
    results = []
    for record in records:
        try:
            results.append(handle(record))
        except infrastructure:
            raise
        except Exception as error:  # noqa: BLE001 - what a record can provoke is not known in advance
            await dead_letter(record, error)
    return results
