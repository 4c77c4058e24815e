"""Reading the activity stream again and again: with an overlap, page by page until what is known, and looking for what vanished."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from services.contracts.activity import DAY_MS, Activity, Source
from services.ingest.json_payload import parse_json
from services.ingest.loose_fields import as_dict
from services.ingest.source import Cursor, Deliver, MalformedPayload, Mapped, SourceConfig
from services.ingest.sources.hcl_connections.progress import Progress, cursor_of, progress_of
from services.ingest.sources.hcl_connections.requests import (
    MAX_COUNT,
    MAX_PAGE_BYTES,
    Request,
    check_answer,
    headers_of,
    url_of,
)
from services.ingest.sources.hcl_connections.stories import native_id_of
from services.runtime.http_client import GuardedClient

log = structlog.get_logger()

OVERLAP_S = 300.0
BACKFILL_DAYS = 7.0
RECONCILE_EVERY = 10
# Stories repeated at the head of the next page: so many may be deleted between two pages without another one being skipped.
PAGE_OVERLAP = 10
_HEARTBEAT_S = 60.0
_FEW = 5
_CLOCK_SKEW_MS = 60_000
MapPayload = Callable[..., Mapped]


@dataclass(frozen=True, slots=True)
class Page:
    """mapped: what its stories mean. known, answers: native id → version of the stories and of what they carry along.

    size: how many stories there are; total: how many the server says there are, below 0 where it doesn't say.
    """

    mapped: Mapped
    known: Mapping[str, int]
    answers: Mapping[str, int]
    size: int
    total: int


class Polling:
    """Polls one source. pause and now_ms are the clock."""

    def __init__(
        self,
        map_payload: MapPayload,
        config: SourceConfig,
        http: GuardedClient,
        *,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self._map_payload = map_payload
        self._config = config
        self._http = http
        self._pause = pause
        self._now_ms = now_ms
        self._suspects: frozenset[str] = frozenset()
        self._delivered_ms = 0

    async def run(self, cursor: Cursor, deliver: Deliver) -> None:
        """Poll for ever. Raises FetchFailed, MalformedPayload and what deliver raises; a restart goes on from the stored cursor."""
        progress = progress_of(cursor)
        every = int(_number(self._config.options.get("reconcile_every"), RECONCILE_EVERY))
        poll = 0
        while True:
            progress = await self.poll(progress, deliver)
            poll += 1
            if every > 0 and poll % every == 0 and self._config.options.get("rollup") is not True:
                progress = await self.reconcile(progress, deliver)
            await self._pause(self._config.interval_s)

    async def poll(self, progress: Progress, deliver: Deliver) -> Progress:
        """Deliver everything that is new or changed since progress; return the progress after it.

        The stream comes newest first. Until its oldest unknown page is delivered the cursor keeps the old time: a crash in
        between repeats, it doesn't skip.
        """
        now_ms = self._now_ms()
        options = self._config.options
        overlap_ms = int(_number(options.get("overlap_s"), OVERLAP_S) * 1000)
        since_ms = progress.since_ms(overlap_ms, now_ms - int(_number(options.get("backfill_days"), BACKFILL_DAYS) * DAY_MS))
        known: dict[str, int] = {}
        answers: dict[str, int] = {}
        start, fresh = 0, False
        while True:
            page = await self._page(Request(start, self._count(), since_ms))
            unread = {native: version for native, version in page.known.items() if native not in known}
            new = Progress(0, known, answers).unknown(progress.unknown(page.mapped.activities))
            if new or page.mapped.rejections:
                fresh = True
                await deliver(Mapped(new[::-1], page.mapped.rejections), cursor_of(progress))
            known, answers = unread | known, {**page.answers, **answers}
            start += _step(page.size)
            # A late story may hide below a full page of known ones; a page that is short because some stories are
            # not for us to see doesn't end the stream either, unless it says nothing new.
            if (
                not unread
                or (not new and page.size < self._count())
                or 0 <= page.total <= start
                or max(unread.values()) < since_ms
            ):
                break
        after = progress.after(known, answers, newest_limit_ms=now_ms + _CLOCK_SKEW_MS)
        if fresh or after != progress or now_ms - self._delivered_ms >= _HEARTBEAT_S * 1000:
            await deliver(Mapped(), cursor_of(after))
            self._delivered_ms = now_ms
        return after

    async def reconcile(self, progress: Progress, deliver: Deliver) -> Progress:
        """Delete what vanished from the newest page: Connections drops the stories of deleted things without telling.

        Only what is missing twice in a row is taken for deleted, and never most of it at once: that is a failing server.
        """
        page = await self._page(Request(0, self._count(), None))
        times = [version for version in page.known.values() if version > 0]
        vanished = progress.vanished(page.known, min(times)) if times else frozenset()
        gone, self._suspects = vanished & self._suspects, vanished
        if not gone:
            return progress
        if len(gone) > max(_FEW, len(progress.known) // 2):
            log.warning("reconciliation refused", source=self._config.id, vanished=len(gone), known=len(progress.known))
            return progress
        after = progress.without(gone)
        markers = tuple(self._marker(native, progress.known[native] + 1) for native in sorted(gone))
        await deliver(Mapped(markers), cursor_of(after))
        return after

    def _marker(self, native: str, version: int) -> Activity:
        config = self._config
        source = Source(kind=config.kind, instance=config.instance, native_id=native, channel=config.channel)
        return Activity(source=source).with_id().as_deleted(version)

    def _count(self) -> int:
        return max(1, min(MAX_COUNT, int(_number(self._config.options.get("count"), MAX_COUNT))))

    async def _page(self, request: Request) -> Page:
        config = self._config
        response = await self._http.get(url_of(config, request), headers=headers_of(config), max_bytes=MAX_PAGE_BYTES)
        check_answer(response, now_s=self._now_ms() / 1000)
        envelope = as_dict(parse_json(response.body))
        stories = envelope.get("list")
        if not isinstance(stories, list):
            raise MalformedPayload("unknown-document", "the answer has no list of stories")
        total = envelope.get("totalResults")
        mapped = self._map_payload(response.body, config, content_type="application/json")
        # Newest first: of several stories of one thing the first has its latest version.
        versions = {activity.source.native_id: activity.version for activity in reversed(mapped.activities)}
        natives = {native_id_of(story) for story in stories if isinstance(story, dict)}
        known = {native: version for native, version in versions.items() if native in natives}
        answers = {native: version for native, version in versions.items() if native not in natives}
        return Page(mapped, known, answers, len(stories), total if isinstance(total, int) else -1)


def _step(size: int) -> int:
    return size - min(PAGE_OVERLAP, size // 4)


def _number(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
