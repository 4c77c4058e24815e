"""How fast refine is on one core, beside its ceilings: `PYTHONPATH=. python bench/refine_throughput.py`. No broker is needed.

Prints processor microseconds a record of every part alone, of the whole (bytes in, bytes and headers out), of duplicates, and of
reading the state back; and the bytes that one known id takes.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb
from services.contracts.codec import activity_to_bytes
from services.stream.refine.folding import fold
from services.stream.refine.hashtags import tags_of
from services.stream.refine.language import language_of, load_classifier
from services.stream.refine.owned_partitions import observe
from services.stream.refine.partition_refiner import PartitionRefiner
from services.stream.refine.raw_record import read_raw
from services.stream.refine.refining import refine
from services.stream.refine.sanitising import sanitise_html
from services.stream.refine.text_extraction import extract
from services.stream.refine.winners import Winners

COUNT = 5_000
ROUNDS = 3
TIME = 1_700_000_000_000
PROSE = "Strom Quelle Daten heute neue Version läuft stabil im Betrieb und das Team freut sich über die schnelle Suche sehr"


@dataclass(frozen=True)
class Rec:
    """A record as a client delivers it."""

    offset: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = field(default_factory=list)
    topic: str = "bench"
    partition: int = 0
    timestamp: int = TIME


def main() -> None:
    """Measure and print."""
    classify = load_classifier()
    records = [raw_record(number) for number in range(COUNT)]
    print(f"{COUNT} records of {sum(len(r.value) for r in records) // COUNT} bytes, best of {ROUNDS}\n")
    measure("parse protobuf (ceiling)", records, lambda record: pb.Activity.FromString(record.value))
    raws = measure("parse and digest", records, lambda record: read_raw(record.key, record.value, TIME))
    folded = measure("fold", raws, lambda raw: fold(None, raw.incoming))
    activities = measure("to the domain", raws, lambda raw: raw.activity())
    clean = measure("sanitise", activities, lambda activity: sanitise_html(activity.object.content))
    found = measure("extract text and links", clean, extract)
    measure("tags", found, lambda extract: tags_of((), extract.prose))
    measure("language", found, lambda extract: language_of("", extract.prose, classify))
    pairs = list(zip(activities, folded, strict=True))
    refined = measure("refine", pairs, lambda pair: refine(*pair, classify))
    measure("to bytes", refined, activity_to_bytes)
    print()
    refiner = PartitionRefiner(Winners(), classify)
    emissions = whole("whole, all new", records, lambda: PartitionRefiner(Winners(), classify).take)
    for record in records:
        refiner.take(record)
    again = [Rec(COUNT + record.offset, record.key, record.value) for record in records]
    whole("whole, all duplicates", again, lambda: seen_before(refiner))
    output = [Rec(offset, e.key, e.value, e.headers) for offset, e in enumerate(emissions)]
    states: list[Winners] = []
    measure_once("read state back", len(output), lambda: states.append(read_back(output)))
    print(f"\n{'state':30}{states[-1].table.nbytes / COUNT:8.1f} bytes an id")


def raw_record(number: int) -> Rec:
    """Return a post as Mastodon's mapper makes it: two sentences, a mention, a link and a tag."""
    words = random.Random(number)  # noqa: S311 - examples
    prose = " ".join(words.choice(PROSE.split()) for _ in range(30))
    html = (
        f'<p>{prose}. <span class="h-card"><a href="https://social.example/@ben" class="u-url mention">@<span>ben</span></a></span> '
        '<a href="https://blog.example/a/long/path"><span class="invisible">https://</span><span class="ellipsis">blog.example/a</span>'
        '<span class="invisible">/long/path</span></a> <a href="https://social.example/tags/kafka" class="mention hashtag" rel="tag">'
        "#<span>Kafka</span></a> &amp; more</p>"
    )
    activity = Activity(
        source=Source("mastodon", "social.example", str(number), "channel:social"),
        version=TIME + number,
        verb=Verb.POST,
        actor=Entity(
            "person:mastodon:social.example:1", "Anna", "anna", "https://social.example/@anna", "https://social.example/a.png"
        ),
        object=Object(content=html, url=f"https://social.example/@anna/{number}"),
        audience=Audience(Scope.PUBLIC),
        published_ms=TIME,
        accepted_ms=TIME + 1000,
        tags=("kafka",),
        mentions=(Entity("person:mastodon:social.example:2", handle="ben"),),
    ).with_id()
    return Rec(number, activity.id.encode(), activity_to_bytes(activity))


def measure(name: str, items: Sequence[Any], work: Callable[[Any], Any]) -> list[Any]:
    """Print the processor time of work per item; return its results."""
    return whole(name, items, lambda: work)


def whole(name: str, items: Sequence[Any], build: Callable[[], Callable[[Any], Any]]) -> list[Any]:
    """As measure, with what build returns anew for every round."""
    best, results = float("inf"), []
    for _ in range(ROUNDS):
        work = build()
        begin = time.process_time()
        results = [work(item) for item in items]
        best = min(best, time.process_time() - begin)
    show(name, best / len(items))
    return results


def measure_once(name: str, count: int, work: Callable[[], None]) -> None:
    """Print the processor time of work, which handles count items."""
    begin = time.process_time()
    work()
    show(name, (time.process_time() - begin) / count)


def show(name: str, seconds: float) -> None:
    """Print one line."""
    print(f"{name:30}{seconds * 1e6:8.1f} µs{1 / seconds:12,.0f}/s")


def seen_before(refiner: PartitionRefiner) -> Callable[[Rec], object]:
    """Return what takes records that refiner knows, as if their offsets were new."""
    refiner.winners.folded_to = COUNT - 1
    return refiner.take


def read_back(output: Sequence[Rec]) -> Winners:
    """Return what the output says."""
    winners = Winners()
    observe(winners, output)
    return winners


if __name__ == "__main__":
    main()
