"""Raw activities as connectors accept them, from a seed: what refine is measured on."""

import random
from collections.abc import Iterator

from bench.activities import LogRecord
from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb
from services.contracts.codec import activity_to_bytes
from services.contracts.partitions import partition_of
from services.contracts.topics import ACTIVITIES_RAW

TIME_MS = 1_750_000_000_000
_WORDS = (
    "Strom",
    "Quelle",
    "Daten",
    "heute",
    "neue",
    "Version",
    "läuft",
    "stabil",
    "im",
    "Betrieb",
    "und",
    "das",
    "Team",
    "freut",
    "sich",
)
_WORDS_A_POST = 30


def raw_posts(count: int, *, first: int, partitions: int) -> Iterator[LogRecord]:
    """Yield different posts, each for its key's partition, of about 900 bytes. first: where their numbers begin."""
    for number in range(first, first + count):
        post = _post(number)
        yield LogRecord(
            ACTIVITIES_RAW.name, partition_of(post.id, partitions), 0, TIME_MS, post.id.encode(), activity_to_bytes(post)
        )


def _post(number: int) -> Activity:
    """Return a post as Mastodon's mapper makes it: two hundred letters, a mention, a link and a tag."""
    base = "https://social.example"
    prose = " ".join(random.Random(number).choices(_WORDS, k=_WORDS_A_POST))  # noqa: S311 - examples
    html = (
        f'<p>{prose}. <span class="h-card"><a href="{base}/@ben" class="u-url mention">@<span>ben</span></a></span> '
        '<a href="https://blog.example/a/long/path"><span class="invisible">https://</span><span class="ellipsis">blog.example/a</span>'
        f'<span class="invisible">/long/path</span></a> <a href="{base}/tags/kafka" class="mention hashtag" rel="tag">'
        "#<span>Kafka</span></a> &amp; more</p>"
    )
    return Activity(
        source=Source("mastodon", "social.example", str(number), "channel:social"),
        version=TIME_MS + number,
        verb=Verb.POST,
        actor=Entity("person:mastodon:social.example:1", "Anna", "anna", f"{base}/@anna", f"{base}/a.png"),
        object=Object(content=html, url=f"{base}/@anna/{number}"),
        audience=Audience(Scope.PUBLIC),
        published_ms=TIME_MS,
        accepted_ms=TIME_MS + 1000,
        tags=("kafka",),
        mentions=(Entity("person:mastodon:social.example:2", handle="ben"),),
    ).with_id()
