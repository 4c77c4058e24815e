"""The demo's world: the four channels' other ends, speaking the real protocols, and a day that goes by on them."""

import asyncio
import time
from pathlib import Path
from random import Random

import orjson
from aiohttp import web

from services.cli.demo.company import Company
from services.cli.demo.connections_server import ConnectionsServer
from services.cli.demo.day import Writing, company_day, public_day
from services.cli.demo.mastodon_server import MastodonServer
from services.cli.demo.rss_site import Item, RssSite
from services.cli.demo.webhook_sender import WebhookSender, note

DAY_MS = 86_400_000
BACKLOG = {"company-blog": 12, "industry-news": 18, "mastodon-public": 60, "connections": 140}


class World:
    """Holds the sites and adds to them. chance decides everything but the time."""

    def __init__(self, company: Company, chance: Random, *, user: str, password: str) -> None:
        self.company = company
        self.blog = RssSite("Nordlicht Blog")
        self.news = RssSite("Branchendienst Nord")
        self.mastodon = MastodonServer()
        self.connections = ConnectionsServer(user, password)
        self._chance = chance
        self._inside = company_day(company, chance)
        self._outside = public_day(company, chance)

    def backlog(self, now_ms: int) -> None:
        """Fill the sites with the day until now."""
        for site, count in BACKLOG.items():
            for at in sorted(now_ms - self._chance.randint(60_000, DAY_MS) for _ in range(count)):
                self.write(site, at)

    def write(self, site: str, now_ms: int) -> None:
        """Let somebody write one piece on a site."""
        if site == "connections":
            self._write_story(next(self._inside), now_ms)
            return
        writing = next(self._outside)
        if site == "mastodon-public":
            self.mastodon.add(
                author=writing.author,
                content=_html(writing),
                language=writing.language,
                tags=writing.tags,
                created_ms=now_ms,
            )
            return
        feed = self.blog if site == "company-blog" else self.news
        title = writing.text.split(":")[0].split(".")[0][:80]
        guid = f"{site}-{now_ms}-{len(feed.items)}"
        feed.add(Item(guid, title, f"<p>{_html(writing)}</p>", writing.author, writing.tags, writing.language, now_ms))

    def webhook(self, now_ms: int) -> tuple[str, dict[str, object]]:
        """Return native id and document of what an application has to tell."""
        writing = next(self._inside)
        native = f"{now_ms}-{self._chance.randrange(16**6):06x}"
        to = tuple(self._chance.sample(self.company.people, 2)) if self._chance.random() < 0.1 else ()  # noqa: PLR2004 - a tenth is direct
        return native, note(
            native=native,
            author=writing.author,
            content=_html(writing),
            language=writing.language,
            tags=writing.tags,
            to=to,
            created_ms=now_ms,
        )

    def _write_story(self, writing: Writing, now_ms: int) -> None:
        self.connections.add(
            native=f"{now_ms}-{self._chance.randrange(16**6):06x}",
            author=writing.author,
            title=_html(writing),
            tags=writing.tags,
            group=writing.group,
            group_name=self.company.group_names.get(writing.group, ""),
            created_ms=now_ms,
        )

    def routes(self) -> list[web.RouteDef]:
        """Return everything that the sites answer."""
        return [
            *self.blog.routes("/blog"),
            *self.news.routes("/news"),
            *self.mastodon.routes("/social"),
            *self.connections.routes("/connections"),
        ]

    def save(self, path: Path) -> None:
        """Write the sites' content, so that a second run goes on with it."""
        state = {name: getattr(self, name).dump() for name in ("blog", "news", "mastodon", "connections")}
        scratch = path.with_suffix(".tmp")
        scratch.write_bytes(orjson.dumps(state))
        scratch.replace(path)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        for name, state in orjson.loads(path.read_bytes()).items():
            getattr(self, name).load(state)


async def live(world: World, sender: WebhookSender, state: Path, *, pause_s: float) -> None:
    """Let the day go on for ever: a piece somewhere every pause_s or so, now and then an edit or a delete."""
    chance = Random()  # noqa: S311 - a demo, not a secret
    while True:
        await asyncio.sleep(chance.uniform(0.5, 1.5) * pause_s)
        now_ms = int(time.time() * 1000)
        place = chance.choices(("connections", "webhook", "mastodon-public", "industry-news", "company-blog"), (8, 4, 5, 1, 1))[0]
        if place == "webhook":
            native, document = world.webhook(now_ms)
            await sender.send(native, document)
        else:
            world.write(place, now_ms)
        await asyncio.to_thread(world.save, state)


async def serve(world: World, host: str, port: int) -> web.AppRunner:
    """Serve the sites; the caller cleans the runner up."""
    app = web.Application()
    app.add_routes(world.routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


def _html(writing: Writing) -> str:
    return writing.text + "".join(f" #{tag}" for tag in writing.tags)
