"""What the smoke test says on the four channels. Each piece carries a marker word, by which it is found again everywhere."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from services.cli.demo.company import Company
from services.cli.demo.rss_site import Item
from services.cli.demo.webhook_sender import WebhookSender, note
from services.cli.demo.world import World

KINDS = ("rss", "mastodon", "hcl-connections", "activitystreams")
CHANNELS = {
    "rss": "company-blog",
    "mastodon": "mastodon-public",
    "hcl-connections": "connections",
    "activitystreams": "app-events",
}


@dataclass(slots=True)
class Piece:
    """One piece of writing and everything that decides who finds it in a feed. native: the id at its site."""

    marker: str
    kind: str
    author: str
    tags: tuple[str, ...]
    group: str = ""
    recipients: tuple[str, ...] = ()
    native: str = ""
    deleted: bool = False
    edited: bool = False
    written: float = field(default_factory=time.time)

    @property
    def text(self) -> str:
        """What stands in it."""
        return f"Release notes {self.marker}" + "".join(f" #{tag}" for tag in self.tags)


def pieces(company: Company, chance: Random) -> Iterator[Piece]:
    """Yield pieces for ever, the four kinds in turn."""
    number = 0
    while True:
        kind = KINDS[number % len(KINDS)]
        author = chance.choice(company.people)
        piece = Piece(
            f"smoke{number:06d}", kind, author, tuple(chance.sample(("kafka", "release", "kunde", "ai"), chance.randint(0, 2)))
        )
        if kind == "hcl-connections" and chance.random() < 0.4:
            piece.group = chance.choice([group for group, members in company.groups.items() if author in members])
        if kind == "activitystreams" and chance.random() < 0.2:
            piece.recipients = tuple(chance.sample(company.people, 2))
        yield piece
        number += 1


async def say(world: World, sender: WebhookSender, piece: Piece) -> None:
    """Put a piece on its channel, as its own software would."""
    now_ms = int(time.time() * 1000)
    if piece.kind == "rss":
        world.blog.add(Item(piece.marker, piece.marker, f"<p>{piece.text}</p>", piece.author, piece.tags, "en", now_ms))
    elif piece.kind == "mastodon":
        piece.native = world.mastodon.add(
            author=piece.author, content=piece.text, language="en", tags=piece.tags, created_ms=now_ms
        )
    elif piece.kind == "hcl-connections":
        world.connections.add(
            native=piece.marker,
            author=piece.author,
            title=piece.text,
            tags=piece.tags,
            group=piece.group,
            group_name=piece.group,
            created_ms=now_ms,
        )
    else:
        document = note(
            native=piece.marker,
            author=piece.author,
            content=piece.text,
            language="en",
            tags=piece.tags,
            to=piece.recipients,
            created_ms=now_ms,
        )
        await sender.send(piece.marker, document)
