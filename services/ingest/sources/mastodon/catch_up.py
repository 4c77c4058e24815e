"""What happened while the stream was away, read from REST as far as the API tells it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from services.contracts.activity import Activity
from services.ingest.loose_fields import as_id
from services.ingest.source import Mapped, SourceConfig
from services.ingest.sources.mastodon.cursor import TimelineCursor
from services.ingest.sources.mastodon.entities import map_entity
from services.ingest.sources.mastodon.ids import earlier, place
from services.ingest.sources.mastodon.options import PAGE, MastodonOptions
from services.ingest.sources.mastodon.rest import Instance
from services.ingest.sources.mastodon.statuses import deletion


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Reads one timeline of one instance."""

    instance: Instance
    options: MastodonOptions

    @property
    def config(self) -> SourceConfig:
        """The source that is read."""
        return self.instance.config

    async def backfill(self) -> AsyncIterator[Mapped]:
        """Yield the newest statuses of a timeline that was never read, oldest first, page by page."""
        pages: list[list[Any]] = []
        oldest = ""
        while sum(map(len, pages)) < self.options.backfill:
            items, _ = await self.instance.page(self.options.timeline(**({"max_id": oldest} if oldest else {})))
            ids = _ids(items)
            if not ids or (oldest and place(ids[0]) >= place(oldest)):
                break
            pages.append(items)
            oldest = ids[0]
        for items in reversed(pages):
            yield _mapped(items, self.config)

    def start(self, cursor: TimelineCursor, *, scan: bool) -> str:
        """Return the id above which to read; with scan from the oldest known status on.

        Otherwise from some time before the last one: statuses of other instances arrive late, under ids of when they were written.
        """
        late = earlier(cursor.last_id, self.options.overlap_s * 1000)
        return min([late, *cursor.known], key=place) if scan else late

    async def newer(self, start: str, streamed_from: Callable[[], str] | None) -> AsyncIterator[Mapped]:
        """Yield the statuses above start, page by page upwards, until there are no more or they meet the stream.

        streamed_from: the id of the first status that the stream brought, empty before; None where there is no stream: then a page
        that isn't full is the last, for on a busy timeline there would always be more.
        """
        while True:
            items, told = await self.instance.page(self.options.timeline(min_id=start))
            ids = _ids(items)
            following = max([told, ids[-1]], key=place) if ids else ""
            if not ids or place(following) <= place(start):
                return
            yield _mapped(items, self.config)
            if _meets(following, streamed_from()) if streamed_from else len(items) < PAGE:
                return
            start = following

    async def missing(self, cursor: TimelineCursor, start: str, seen: set[str], end: str) -> AsyncIterator[Mapped]:
        """Yield what became of known statuses above start and, where it is known, below end that no page showed.

        That is the status, or its deletion where it is gone.
        """
        for native in sorted(cursor.known, key=place):
            if place(native) > place(start) and native not in seen and not _meets(native, end):
                status = await self.instance.status(native)
                yield Mapped((deletion(native, self.config),)) if status is None else _mapped([status], self.config)

    async def notifications(self, last_id: str) -> AsyncIterator[tuple[Mapped, str]]:
        """Yield the notifications above last_id, page by page upwards, and the last id of each; without last_id the newest page."""
        while True:
            bound = f"&min_id={last_id}" if last_id else ""
            items, _ = await self.instance.page(f"/api/v1/notifications?limit={PAGE}{bound}")
            ids = _ids(items)
            if not ids or (last_id and place(ids[-1]) <= place(last_id)):
                return
            yield _mapped(items, self.config), ids[-1]
            if not last_id:
                return
            last_id = ids[-1]


def only_news(mapped: Mapped, cursor: TimelineCursor) -> Mapped:
    """Return mapped without the statuses that are known as they are."""
    return Mapped(tuple(activity for activity in mapped.activities if cursor.is_news(activity)), mapped.rejections)


def native_ids(activities: tuple[Activity, ...]) -> set[str]:
    """Return the ids of activities at their source."""
    return {activity.source.native_id for activity in activities}


def _meets(native_id: str, end: str) -> bool:
    return bool(end) and place(native_id) >= place(end)


def _mapped(items: list[Any], config: SourceConfig) -> Mapped:
    """Map a page, which comes newest first, oldest first."""
    return map_entity(sorted(items, key=lambda item: place(_id(item))), config)


def _ids(items: list[Any]) -> list[str]:
    return sorted((native for item in items if (native := _id(item))), key=place)


def _id(item: Any) -> str:
    return as_id(item.get("id")) if isinstance(item, dict) else ""
