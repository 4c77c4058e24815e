"""Counting what arrived and what did not."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import grpc
import httpx

from services.cli.demo.company import OUTSIDERS, Company
from services.contracts.codec import activity_from_bytes
from services.contracts.indices import ACTIVITIES_ALIAS
from services.contracts.topics import ACTIVITIES
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.kafka_security import KafkaSecurity
from tests.smoke.readers import MARKER, marker_of, whole_feed
from tests.smoke.reference import expected_feed, may_read
from tests.smoke.writings import Piece


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile of values in milliseconds, rounded; 0 of nothing."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 1) if ordered else 0.0


async def in_topic(kafka: str) -> tuple[Counter[str], set[str]]:
    """Return how many live activities carry each marker in the refined topic, and the ids of the deleted ones."""
    security = KafkaSecurity(kafka)
    latest: dict[bytes, bytes] = {}

    def take(_partition: Any, records: Iterable[Any]) -> None:
        latest.update((record.key, record.value) for record in records)

    await bulk_read(security, await partitions_of(security, ACTIVITIES.name), take)
    read = [activity_from_bytes(value) for value in latest.values()]
    live = Counter(MARKER.search(activity.text).group() for activity in read if MARKER.search(activity.text))
    return live, {activity.id for activity in read if activity.deleted}


def in_index(elasticsearch: str) -> int:
    """Return how many live activities the index has, asked without Sluice."""
    query = {"query": {"bool": {"must_not": [{"term": {"deleted": True}}]}}}
    answer = httpx.post(f"{elasticsearch}/{ACTIVITIES_ALIAS}/_count", json=query, timeout=10)
    return int(answer.raise_for_status().json()["count"])


def compare_feeds(channel: grpc.Channel, pieces: Sequence[Piece], company: Company, tokens: dict[str, str]) -> dict[str, int]:
    """Page through everybody's feed to its end and compare it with the reference."""
    by_marker = {piece.marker: piece for piece in pieces}
    total: Counter[str] = Counter()
    for reader in (*company.people, *OUTSIDERS):
        shown = [marker for marker in map(marker_of, whole_feed(channel, tokens[reader])) if marker]
        expected, found = expected_feed(pieces, reader, company), set(shown)
        total["feed_entries_expected"] += len(expected)
        total["feed_entries_found"] += len(found & expected)
        total["duplicates"] += len(shown) - len(found)
        total["lost"] += len(expected - found)
        total["leaks"] += sum(not may_read(by_marker[marker], reader, company) for marker in found)
        total["unexpected"] += len(found - expected)
    return dict(total)
