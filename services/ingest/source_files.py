"""What files of a channel mean: mapped and accepted exactly as if the channel had sent them."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from services.contracts.activity import Audience, Scope
from services.contracts.codec import activity_to_proto
from services.ingest.acceptance import Accepted, accept
from services.ingest.publisher import ActivityPublisher
from services.ingest.registry import KINDS
from services.ingest.source import MalformedPayload, Rejection, SourceConfig

_SLICE = 500
# Channels of the inside: what carries no audience of its own is for employees.
_INSIDE = frozenset({"hcl-connections", "activitystreams"})


def files_config(kind: str, instance: str = "files") -> SourceConfig:
    """Return the source that files of a kind belong to when no configured one is named. instance: it is a part of every id."""
    audience = Audience(Scope.INTERNAL if kind in _INSIDE else Scope.PUBLIC)
    return SourceConfig(id=f"{kind}-files", kind=kind, instance=instance, audience=audience)


@dataclass(slots=True)
class Counts:
    """What became of the files so far."""

    files: int = 0
    activities: int = 0
    rejected: int = 0
    crashed: int = 0

    def add(self, outcome: "FileOutcome") -> None:
        """Count one more file."""
        self.files += 1
        self.activities += len(outcome.accepted)
        self.rejected += len(outcome.rejections)
        self.crashed += bool(outcome.crash)

    def as_dict(self) -> dict[str, int]:
        """Return the last line of `sluice source check`."""
        return {"files": self.files, "activities": self.activities, "rejected": self.rejected, "crashed": self.crashed}


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What one file means. crash: the type of an exception that nobody expected, else empty."""

    file: str
    accepted: tuple[Accepted, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    crash: str = field(default="")


def read_source_file(kind: str, path: Path, config: SourceConfig, *, now_ms: int) -> FileOutcome:
    """Map and accept one file. Never raises for what the file holds: a file that can't be read at all is a rejection too."""
    name = str(path)
    try:
        payload = path.read_bytes()
    except OSError as error:
        return FileOutcome(name, rejections=(Rejection("file-unreadable", type(error).__name__),))
    try:
        mapped = KINDS[kind].map_payload(payload, config)
        outcomes = [accept(activity, now_ms=now_ms) for activity in mapped.activities]
    except MalformedPayload as error:
        return FileOutcome(name, rejections=(Rejection(error.reason, str(error), payload=payload),))
    except Exception as error:  # noqa: BLE001 - a crash is what the check is there to find; it must not hide the other files
        return FileOutcome(name, crash=type(error).__name__)
    accepted = tuple(outcome for outcome in outcomes if isinstance(outcome, Accepted))
    refused = tuple(outcome for outcome in outcomes if isinstance(outcome, Rejection))
    return FileOutcome(name, accepted, mapped.rejections + refused)


def check_files(kind: str, paths: Iterable[Path], config: SourceConfig, *, now_ms: int) -> Iterator[dict[str, Any]]:
    """Yield the lines of `sluice source check`: one an activity, a rejection or a crash, and the counts last. Publishes nothing.

    Raises KeyError for an unknown kind.
    """
    counts = Counts()
    for path in paths:
        outcome = read_source_file(kind, path, config, now_ms=now_ms)
        counts.add(outcome)
        yield from _lines(outcome)
    yield counts.as_dict()


def _lines(outcome: FileOutcome) -> Iterator[dict[str, Any]]:
    for accepted in outcome.accepted:
        yield {"file": outcome.file, "activity": MessageToDict(activity_to_proto(accepted.activity))}
    for rejection in outcome.rejections:
        yield {"file": outcome.file, "rejected": f"{rejection.reason}: {rejection.detail}"}
    if outcome.crash:
        yield {"file": outcome.file, "crashed": outcome.crash}


async def import_files(
    kind: str,
    paths: Sequence[Path],
    config: SourceConfig,
    publisher: ActivityPublisher,
    *,
    now_ms: Callable[[], int],
    progress: Callable[[str, Counts], None],
) -> Counts:
    """Publish what files mean, their rejections to the dead letters; progress is told each file when Kafka has all of it.

    Raises KafkaAway in the middle: the files before are in, and repeating the whole import changes nothing, because ids are the same.
    """
    counts = Counts()
    for path in paths:
        outcome = await asyncio.to_thread(read_source_file, kind, path, config, now_ms=now_ms())
        for start in range(0, len(outcome.accepted), _SLICE):
            await publisher.publish(outcome.accepted[start : start + _SLICE])
        await publisher.reject(outcome.rejections, origin=config.id)
        counts.add(outcome)
        progress(outcome.file, counts)
    return counts
