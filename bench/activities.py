"""What is written in a bench: refined activities as records of the log, from a seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sluice.activity.v1 import activity_pb2 as pb

from bench.population import Population
from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb, activity_id
from services.contracts.codec import activity_to_proto
from services.contracts.topics import ACTIVITIES

BEGIN_MS = 1_750_000_000_000
STEP_MS = 10
LATE_SHARE = 0.05
GROUP_SHARE = 0.1
# Far behind, and still within a timeline that holds eight hundred entries.
_LATEST_STEPS = 20_000
_PROSE = "Strom Quelle Daten heute neue Version läuft stabil im Betrieb und das Team freut sich über die schnelle Suche sehr gern"
_WORDS = _PROSE.split()


class LogRecord(NamedTuple):
    """A record as a consumer delivers it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """One activity: number in the stream, who wrote it, whether into the author's group, when (ms)."""

    number: int
    author: int
    in_group: bool
    sort_time_ms: int


class Stream:
    """An endless stream of activities of a population's authors; the same seed writes the same. first: where the numbers begin."""

    def __init__(self, population: Population, *, partitions: int, seed: int = 5, first: int = 0) -> None:
        self._population = population
        self._partitions = partitions
        self._random = np.random.default_rng(seed)
        self._next = first
        self._template = _template()

    def write(self, count: int, by: Sequence[int] = ()) -> list[Written]:
        """Return the next activities, by any of these authors (none: of all). One in twenty is late, one in ten put to a group."""
        random = self._random
        authors = random.choice(by or self._population.authors, count).tolist()
        late = (random.random(count) < LATE_SHARE) * random.integers(1, _LATEST_STEPS, count)
        share = GROUP_SHARE if len(self._population.followers) > self._population.authors else 0.0
        in_group = (random.random(count) < share).tolist()
        first, self._next = self._next, self._next + count
        times = (BEGIN_MS + STEP_MS * (np.arange(first, first + count) - late)).tolist()
        numbers = range(first, first + count)
        return [Written(*fields) for fields in zip(numbers, authors, in_group, times, strict=True)]

    def records(self, written: Sequence[Written]) -> Iterator[LogRecord]:
        """Yield the records of activities. Their offset is right while every partition holds this stream alone, from 0 on."""
        for one in written:
            key, value = self.record(one)
            yield LogRecord(ACTIVITIES.name, one.number % self._partitions, one.number // self._partitions, 0, key, value)

    def record(self, one: Written, *, text: str = "") -> tuple[bytes, bytes]:
        """Return key and value. text: in place of the prose."""
        message = self._template
        actor = self._population.name_of(one.author)
        message.id = activity_id("bench", "bench.example", str(one.number))
        message.source.native_id = str(one.number)
        message.version = message.sort_time_ms = one.sort_time_ms
        message.actor.name = actor
        message.actor.handle = actor.removeprefix("person:")
        message.text = text or _prose(one.number)
        message.object.content = f"<p>{message.text}</p>"
        message.published.FromMilliseconds(one.sort_time_ms)
        message.ClearField("target")
        if one.in_group:
            message.target.name = self._population.name_of(self._population.group_of(one.author))
        return message.id.encode(), message.SerializeToString(deterministic=True)


def _prose(number: int) -> str:
    """Return thirty words; neighbours differ."""
    start, step = number % len(_WORDS), 1 + number % 7
    return " ".join(_WORDS[(start + at * step) % len(_WORDS)] for at in range(30))


def _template() -> pb.Activity:
    return activity_to_proto(
        Activity(
            source=Source("bench", "bench.example", "0", "channel:bench"),
            id="0" * 32,
            version=1,
            verb=Verb.POST,
            actor=Entity(
                "person:author-0", "An Author", "author-0", "https://bench.example/@author", "https://bench.example/a.png"
            ),
            object=Object(content="<p></p>", url="https://bench.example/posts/0"),
            audience=Audience(Scope.INTERNAL),
            published_ms=BEGIN_MS,
            accepted_ms=BEGIN_MS,
            tags=("bench", "stream"),
            language="de",
            sort_time_ms=BEGIN_MS,
            text="",
            links=("https://blog.example/a/long/path",),
        )
    )
