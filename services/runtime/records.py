"""What a record looks like, whoever reads or sends it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

Headers = Sequence[tuple[str, bytes]]


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


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be sent. value None: a tombstone. partition None: the key decides, by murmur2."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None

    @property
    def size(self) -> int:
        """Bytes it holds in memory, about."""
        return 200 + len(self.key or b"") + len(self.value or b"") + sum(len(name) + len(value) for name, value in self.headers)
