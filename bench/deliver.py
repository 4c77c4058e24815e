"""Delivering records to an engine as the broadcast does it, without a broker."""

from collections.abc import Sequence

from bench.activities import LogRecord
from services.stream.feeds.arrivals import facts_in
from services.stream.feeds.engine import FeedEngine


def deliver(engine: FeedEngine, records: Sequence[LogRecord]) -> int:
    """Give records of the log to engine; return how many entries were written."""
    written = 0
    for record in records:
        written += engine.arrive(record.partition, record.offset, facts_in(record.key, record.value), record.value)
        engine.deliver_all()
    return written
