"""What a record read from Kafka looks like, whoever reads it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class TopicPartition(NamedTuple):
    """One partition of one topic; equal to and hashed like the clients' own tuples."""

    topic: str
    partition: int


class Record(Protocol):
    """A record as aiokafka delivers it. timestamp: int ms since the epoch; value None is a tombstone."""

    @property
    def topic(self) -> str: ...  # noqa: D102 - a field
    @property
    def partition(self) -> int: ...  # noqa: D102 - a field
    @property
    def offset(self) -> int: ...  # noqa: D102 - a field
    @property
    def timestamp(self) -> int: ...  # noqa: D102 - a field
    @property
    def key(self) -> bytes | None: ...  # noqa: D102 - a field
    @property
    def value(self) -> bytes | None: ...  # noqa: D102 - a field
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...  # noqa: D102 - a field
