"""kafka-python's producer, replaced where it would never send again.

kafka-python 3.0.12 forgets its producer id when a batch fails for good or runs out of time after a first try, asks for no other,
and from then on neither sends nor fails anything; while it waits for a producer id without a broker, nothing runs out of time.
"""

from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError


class RenewableProducer:
    """The producer for arguments. All calls come from one thread, which they may block for bounded times.

    current: the one in use, None before the first and after one was abandoned.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        self.current: Any = None

    def open(self) -> Any:
        """Return the producer in use, made now where there is none. Raises KafkaError."""
        if self.current is None:
            self.current = KafkaProducer(**self._arguments)
        return self.current

    def abandon(self, producer: Any) -> None:
        """Fail everything that waits in producer; the next open() makes another. Nothing where another is already in use."""
        if producer is None or producer is not self.current:
            return
        self.current = None
        _end(producer)

    def close(self, timeout: float) -> None:
        """Disconnect, after what was handed over has its fate or timeout seconds. Repeatable."""
        producer, self.current = self.current, None
        if producer is None:
            return
        try:
            producer.close(timeout=timeout)
        except KafkaError:
            _end(producer)


def _end(producer: Any) -> None:
    """Fail what waits and let the producer's thread disconnect. Its own close(), also when collected, would wait and then raise."""
    producer._sender.force_close()  # noqa: SLF001 - see above
    producer._unregister_cleanup()  # noqa: SLF001 - see above
    producer._closed = True  # noqa: SLF001 - see above
