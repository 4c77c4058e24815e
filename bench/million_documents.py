"""An index as large as a company's: `PYTHONPATH=. python bench/million_documents.py http://127.0.0.1:9200 --count 1000000`.

Writes activities made up by their number into an Elasticsearch that the caller gives away, through the documents that the indexer
writes; the same number gives the same activity in every run. Prints how fast that went.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Iterator
from itertools import islice

from elasticsearch import AsyncElasticsearch

from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb
from services.contracts.codec import activity_to_bytes
from services.contracts.indices import Index, activities_index
from services.contracts.relations import PersonRelations
from services.runtime.elastic import build_client
from services.runtime.settings import ElasticsearchSettings
from services.search.documents import Document, document_of
from services.search.elastic_index import ElasticIndex
from services.search.index_admin import apply_index

COUNT = 1_000_000
PEOPLE, TAGS, CHANNELS, GROUPS = 20_000, 2_000, 300, 500
FIRST_MS, YEAR_MS = 1_700_000_000_000, 365 * 86_400_000
BULK, IN_FLIGHT, REFRESH_EVERY = 2_000, 3, 100_000
_WORDS = [
    f"{start}{end}"
    for start in ("sta", "mo", "ri", "ke", "lu", "ten", "bra", "do")
    for end in ("rk", "nel", "s", "ta", "ven", "m")
]
_KINDS = ("sluice", "mastodon", "rss", "hcl-connections", "activitystreams")
_VERBS = (Verb.POST,) * 6 + (Verb.COMMENT,) * 2 + (Verb.SHARE, Verb.LIKE)
_LANGUAGES = ("en", "en", "en", "de", "de", "fr", "")


def activity_at(number: int, count: int = COUNT) -> Activity:
    """Return the activity of a number: few people, tags and channels have most of them; every twentieth is a day late."""
    chance = random.Random(number)  # noqa: S311 - examples
    kind, channel = chance.choice(_KINDS), f"channel:c{chance.randrange(CHANNELS)}"
    late_ms = 86_400_000 if number % 20 == 0 else 0
    time_ms = FIRST_MS + number * YEAR_MS // count - late_ms
    verb, group = chance.choice(_VERBS), _skewed(chance, GROUPS)
    text = " ".join(chance.choices(_WORDS, k=chance.randrange(10, 40)))
    person = _skewed(chance, PEOPLE)
    source = Source(kind, "bench.example", str(number), channel)
    return Activity(
        source=source,
        id=source.activity_id,
        verb=verb,
        actor=Entity(f"person:p{person}", f"Person {person}", f"p{person}", f"https://bench.example/p{person}"),
        object=Object(
            content=f"<p>{text}</p>", url=f"https://bench.example/{number}", activity_id=_acted_on(chance, number, verb)
        ),
        target=Entity(f"group:g{group}") if number % 3 == 0 else None,
        audience=_audience(chance, group, person),
        published_ms=time_ms,
        accepted_ms=time_ms,
        tags=tuple(sorted({f"t{_skewed(chance, TAGS)}" for _ in range(number % 4)})),
        language=chance.choice(_LANGUAGES),
        sort_time_ms=time_ms,
        text=text,
    )


def reader_following(names: int, number: int = 0) -> PersonRelations:
    """Return a reader who follows so many names: nine of ten are people, the others tags and channels, some groups are hers."""
    chance = random.Random(f"reader {number}")  # noqa: S311 - examples
    groups = {f"group:g{_skewed(chance, GROUPS)}" for _ in range(max(1, names // 50))}
    follows: set[str] = set()
    while len(follows) + len(groups) < names:
        person, tag, channel = _skewed(chance, PEOPLE), chance.randrange(TAGS), chance.randrange(CHANNELS)
        follows.update(chance.choices((f"person:p{person}", f"tag:t{tag}", f"channel:c{channel}"), (90, 7, 3)))
    return PersonRelations(f"person:reader{number}", employee=True, follows=frozenset(follows), groups=frozenset(groups))


async def load(client: AsyncElasticsearch, index: Index, count: int = COUNT) -> float:
    """Create index where it is missing, write activities 0 to count and make them visible; return documents a second.

    Repeating it changes nothing. Raises the client's errors and those of the index port.
    """
    await apply_index(client, index)
    port, documents = ElasticIndex(client, index), _documents(count)
    began = time.perf_counter()
    for start in range(0, count, REFRESH_EVERY):
        due = islice(documents, min(REFRESH_EVERY, count - start))
        writers = [_write(port, due) for _ in range(IN_FLIGHT)]
        await asyncio.gather(*writers)
        # As in operation: many segments, merged by the server as it likes.
        await port.refresh()
    return count / (time.perf_counter() - began)


async def _write(port: ElasticIndex, documents: Iterator[Document]) -> None:
    while bulk := list(islice(documents, BULK)):
        outcomes = await port.bulk(bulk)
        if failed := [outcome for outcome in outcomes if outcome.status not in (200, 201, 409)]:
            raise RuntimeError(f"{len(failed)} documents were not taken, the first with status {failed[0].status}")


def _documents(count: int) -> Iterator[Document]:
    for number in range(count):
        activity = activity_at(number, count)
        yield document_of(activity, activity_to_bytes(activity), number)


def _skewed(chance: random.Random, size: int) -> int:
    """Return a number below size; the first tenth gets about half of all."""
    return int(size * chance.random() ** 3)


def _acted_on(chance: random.Random, number: int, verb: Verb) -> str:
    if verb is Verb.POST or not number:
        return ""
    return Source("bench", "bench.example", str(chance.randrange(number))).activity_id


def _audience(chance: random.Random, group: int, person: int) -> Audience:
    (scope,) = chance.choices((Scope.PUBLIC, Scope.INTERNAL, Scope.GROUP, Scope.DIRECT), (45, 40, 14, 1))
    if scope is Scope.GROUP:
        return Audience(scope, groups=(f"group:g{group}",))
    if scope is Scope.DIRECT:
        return Audience(scope, recipients=(f"person:p{person}", f"person:p{_skewed(chance, PEOPLE)}"))
    return Audience(scope)


async def main() -> None:
    """Load what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--full", action="store_true", help="with the analysis modules: not for Elasticsearch from jars")
    asked = parser.parse_args()
    client = build_client(ElasticsearchSettings(url=asked.url))
    try:
        rate = await load(client, activities_index(core=not asked.full), asked.count)
    finally:
        await client.close()
    print(f"{asked.count} documents, {rate:,.0f} a second")


if __name__ == "__main__":
    asyncio.run(main())
