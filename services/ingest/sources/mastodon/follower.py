"""Delivering a timeline and knowing how far it is delivered."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from httpx_sse import ServerSentEvent

from services.contracts.activity import Activity
from services.ingest.json_payload import parse_json
from services.ingest.loose_fields import as_dict, as_id
from services.ingest.source import Deliver, MalformedPayload, Mapped
from services.ingest.sources.mastodon.catch_up import CatchUp, native_ids, only_news
from services.ingest.sources.mastodon.cursor import TimelineCursor
from services.ingest.sources.mastodon.entities import joined
from services.ingest.sources.mastodon.events import map_event
from services.ingest.sources.mastodon.ids import place
from services.ingest.sources.mastodon.live import LiveEvents

_OF_THE_TIMELINE = frozenset({"update", "status.update", "delete"})


class Follower:
    """Hands over what was missed and what comes; the cursor moves only after Kafka has it. now_s: Unix time."""

    def __init__(self, rest: CatchUp, cursor: TimelineCursor, deliver: Deliver, now_s: Callable[[], float]) -> None:
        self._rest = rest
        self._options = rest.options
        self._cursor = cursor
        self._deliver = deliver
        self._now_s = now_s
        self._scan_due = True
        self._live: LiveEvents | None = None

    async def catch_up(self) -> None:
        """Deliver what was missed, oldest first. Raises FetchError and what deliver raises."""
        if self._cursor.last_id:
            await self._read_on()
        else:
            await self._pages(self._rest.backfill())
            self._scan_due = False
        if self._options.notifications:
            async for mapped, last_id in self._rest.notifications(self._cursor.last_notification_id):
                await self._hand_over(mapped, (), last_id)
        # Tells the ledger that we are up to date, also where there was nothing.
        await self._hand_over(Mapped(), ())

    async def follow(self, live: LiveEvents) -> None:
        """Deliver what was missed, then what comes. Raises what ended the stream."""
        self._live = live
        await self.catch_up()
        while True:
            wait_s = max(self._cursor.next_scan_ms() / 1000 - self._now_s(), 0.0) if self._scan_due else None
            events = await live.batch(wait_s)
            if events:
                await self._events(events)
            elif self._scan_due:
                await self._read_on()

    async def _events(self, events: list[ServerSentEvent]) -> None:
        told = [event for event in events if self._options.notifications or event.event != "notification"]
        parts = [(event, map_event(event.event, event.data, self._rest.config)) for event in told]
        timeline = [activity for event, mapped in parts if event.event in _OF_THE_TIMELINE for activity in mapped.activities]
        last_ids = [_id_of(event.data) for event in told if event.event == "notification"]
        await self._hand_over(joined([mapped for _, mapped in parts]), tuple(timeline), max(last_ids, key=place, default=""))

    async def _read_on(self) -> None:
        """Read from where we were; as often as the rate limit bears, from the oldest known status, to find edits and deletions."""
        now_ms = int(self._now_s() * 1000)
        scan = now_ms >= self._cursor.next_scan_ms()
        before, start = self._cursor, self._rest.start(self._cursor, scan=scan)
        seen = await self._pages(self._rest.newer(start, self._streamed_from if self._live else None))
        if scan:
            await self._pages(self._rest.missing(before, start, seen, self._streamed_from()))
            self._cursor = self._cursor.scanned(now_ms)
        self._scan_due = not scan

    async def _pages(self, pages: AsyncIterator[Mapped]) -> set[str]:
        """Deliver of each page what is new; return the ids of all that was shown."""
        seen: set[str] = set()
        async for mapped in pages:
            seen |= native_ids(mapped.activities)
            news = only_news(mapped, self._cursor)
            if news != Mapped():
                await self._hand_over(news, news.activities)
        return seen

    async def _hand_over(self, mapped: Mapped, timeline: tuple[Activity, ...], last_notification_id: str = "") -> None:
        """Deliver. timeline: those activities that tell how far the timeline is read; a mention from elsewhere doesn't."""
        cursor = self._cursor.after(timeline, self._options.remember)
        last_id = max(cursor.last_notification_id, last_notification_id, key=place)
        cursor = replace(cursor, last_notification_id=last_id)
        await self._deliver(mapped, cursor.stored())
        self._cursor = cursor

    def _streamed_from(self) -> str:
        return _id_of(self._live.first_update) if self._live and self._live.first_update else ""


def _id_of(data: str) -> str:
    try:
        return as_id(as_dict(parse_json(data.encode(errors="replace"))).get("id"))
    except MalformedPayload:
        return ""
