"""The live feeds of a worker: who may open one, what is sent when, and how each ends. Nothing is sent by a worker that isn't up to date."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sluice.feed.v1 import watch_pb2 as pb

from services.contracts.errors import ServiceUnavailable, SluiceError
from services.contracts.page_tokens import fingerprint
from services.runtime.metrics import FEEDS_WATCH_ENDED, FEEDS_WATCH_EVENTS, FEEDS_WATCHERS
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.live.live_cursor import LiveCursor, decode_cursor
from services.stream.feeds.live.live_messages import message_bytes
from services.stream.feeds.live.live_view import Event, LiveView, Told, WatchOver
from services.stream.feeds.live.watcher import Watcher
from services.stream.feeds.object_tally import NOTHING, Tally
from services.stream.feeds.pages import Page, PageAsk
from services.stream.feeds.passing_on import OwnerAway
from services.stream.feeds.relation_state import RelationState

# What comes within it goes out together; a hundredth of a second is soon enough for people.
_GATHER_S = 0.01
_LOOK_S = 0.5

Send = Callable[[bytes], Awaitable[None]]
#: Returns what is on activities for the reader of a feed, in their order.
CountsOf = Callable[[Sequence[str], PageAsk], Sequence[Tally]]
#: Returns the page token for what follows a page.
TokenOf = Callable[[Page, PageAsk], str]


class ConsumerTooSlow(SluiceError):
    """The caller takes messages more slowly than her feed changes. What she has is good up to her newest cursor; go on from there."""

    status = "RESOURCE_EXHAUSTED"
    reason = "CONSUMER_TOO_SLOW"


class TooManyWatchers(SluiceError):
    """So many live feeds are open already, of this user or on this worker."""

    status = "RESOURCE_EXHAUSTED"
    reason = "TOO_MANY_WATCHERS"


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """watchers, of_user: open at a time. room: changes that may wait for a slow consumer. keep_alive_s: between messages, at the most."""

    watchers: int = 1500
    of_user: int = 20
    room: int = 1000
    keep_alive_s: float = 15.0


class LiveFeeds:
    """Serves live feeds of users whose relations are here."""

    def __init__(
        self,
        engine: FeedEngine,
        state: RelationState,
        view: LiveView,
        *,
        trusted: Callable[[], None],
        token_of: TokenOf,
        limits: LiveLimits,
        counts_of: CountsOf | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """trusted: raises ServiceUnavailable while this worker can't answer for its users. clock: seconds, never back.

        counts_of: None where nothing is counted.
        """
        self._engine = engine
        self._state = state
        self._view = view
        self._trusted = trusted
        self._token_of = token_of
        self._counts_of = counts_of
        self._limits = limits
        self._clock = clock
        self._is_draining = False

    async def run(self) -> None:
        """Wake those whose keep-alive or end is due, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_S)

    def look(self) -> None:
        """Wake those whose keep-alive or end is due."""
        now = self._clock()
        FEEDS_WATCHERS.set(len(self._engine.watches))
        for watcher in self._engine.watches:
            if now >= watcher.due or now >= watcher.until:
                watcher.is_due = True
                watcher.wake()

    def drain(self) -> None:
        """Open no more, and end those that are open with the hint to go on elsewhere."""
        self._is_draining = True
        for watcher in self._engine.watches:
            watcher.is_due = True
            watcher.wake()

    async def serve(self, ask: PageAsk, cursor: str, send: Send, *, seconds: float = float("inf")) -> None:
        """Send a live feed until it has to end here, after at the most some seconds.

        Raises CursorInvalid, CursorTooOld, ConsumerTooSlow, TooManyWatchers, ServiceUnavailable, and KeyError for users that aren't
        owned here. Called again with the newest cursor it goes on where it ended.
        """
        request = fingerprint("watch", ask.user, ask.wanted)
        resumed = decode_cursor(cursor, request) if cursor else None
        watcher = self._admitted(ask, seconds)
        how = "failed"
        try:
            # What was told is kept by nobody here: there are thousands who wait, and a page is larger than all that is kept of one.
            await self._send(watcher, send, request, await self._first(watcher, resumed))
            while not watcher.is_over:
                await self._send(watcher, send, request, await self._news(watcher))
            how = "elsewhere"
        except asyncio.CancelledError:
            how = "too-slow" if watcher.overrun else "left"
            if not watcher.overrun:
                raise
            raise ConsumerTooSlow(
                "messages are taken more slowly than the feed changes; go on with the newest cursor",
                metadata={"most_waiting": str(self._limits.room)},
                retry_after_s=1.0,
            ) from None
        except (WatchOver, KeyError):
            if not watcher.is_over and self._state.owns(ask.user):
                raise
            raise OwnerAway("the user is moving to another worker") from None
        finally:
            self._engine.unwatch(watcher)
            FEEDS_WATCH_ENDED.labels(how).inc()

    def _admitted(self, ask: PageAsk, seconds: float) -> Watcher:
        if self._is_draining:
            raise OwnerAway("this worker shuts down")
        watches, limits = self._engine.watches, self._limits
        if len(watches.of(ask.user)) >= limits.of_user:
            raise TooManyWatchers(
                f"{limits.of_user} live feeds of one user are open already", metadata={"most_of_user": str(limits.of_user)}
            )
        if len(watches) >= limits.watchers:
            raise TooManyWatchers(
                "this worker has as many live feeds as it serves", metadata={"most": str(limits.watchers)}, retry_after_s=5.0
            )
        watcher = Watcher(ask, self._state.reader(ask.user, employee=ask.employee), limits.room)
        watcher.task = asyncio.current_task()
        watcher.until = self._clock() + seconds
        watcher.due = self._clock() + limits.keep_alive_s
        self._engine.watch(watcher)
        return watcher

    async def _first(self, watcher: Watcher, resumed: LiveCursor | None) -> Told:
        told = await (self._view.resume(watcher, resumed) if resumed else self._view.snapshot(watcher))
        if told.snapshot is None and self._counts_of:
            # The cursor doesn't say what was on her entries.
            watcher.count(watcher.held.slots)
        self._trusted()
        return told

    async def _news(self, watcher: Watcher) -> Told | None:
        """Return what to send next; a keep-alive has no events. Before the last message the watcher is over; it may be None then."""
        told: Told | None
        while True:
            told = None
            while not watcher.has_news:
                await watcher.woken()
            is_due, watcher.is_due = watcher.is_due, False
            if not is_due:
                await asyncio.sleep(_GATHER_S)
            is_last = self._is_draining or self._clock() >= watcher.until
            try:
                told = await self._view.news(watcher)
                # The gate, at the moment of sending: nothing may come between being trusted and that.
                self._trusted()
            except (ServiceUnavailable, WatchOver):
                told, is_last = None, True
            except KeyError:
                if self._state.owns(watcher.ask.user):
                    raise
                told, is_last = None, True
            if is_last:
                watcher.is_over = True
            if is_last or is_due or (told and (told.events or told.snapshot or watcher.counted)):
                return told

    async def _send(self, watcher: Watcher, send: Send, request: str, told: Told | None) -> None:
        rest = pb.WatchFeedResponse(reconnect=watcher.is_over)
        events = told.events if told else ()
        if told and told.cursor:
            rest.cursor = told.cursor.encode(request)
        if told and told.snapshot is not None:
            rest.reset, rest.next_page_token = True, self._token_of(told.snapshot, watcher.ask)
            FEEDS_WATCH_EVENTS.labels("snapshot").inc()
        for event in events:
            FEEDS_WATCH_EVENTS.labels(event.kind.value).inc()
        tallies, counted = self._tallies(watcher, events) if told else ({}, [])
        watcher.due = self._clock() + self._limits.keep_alive_s
        watcher.is_writing = True
        await send(message_bytes(events, rest, tallies, counted))
        watcher.is_writing = False

    def _tallies(self, watcher: Watcher, events: Sequence[Event]) -> tuple[dict[str, Tally], list[str]]:
        """Return what is on the entries of events and on those where it has changed; and which these are."""
        slots, watcher.counted = watcher.counted or (), None
        told = {event.id for event in events}
        facts = [self._engine.table.facts[slot] for slot in slots if watcher.held.state_of(slot) is not None]
        counted = [known.id for known in facts if known is not None and known.id not in told]
        ids = [event.id for event in events if event.entry is not None] + counted
        tallies = self._counts_of(ids, watcher.ask) if self._counts_of else [NOTHING] * len(ids)
        return dict(zip(ids, tallies, strict=True)), counted
