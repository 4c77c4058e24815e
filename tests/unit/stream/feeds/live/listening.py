"""Somebody who listens to a live feed of a house: she keeps what she is told, and every cursor with what she had then."""

from collections.abc import Mapping
from typing import Any

from services.stream.feeds.live.live_cursor import LiveCursor
from services.stream.feeds.live.live_view import MOST_HELD, Kind, LiveView, Told
from services.stream.feeds.live.watcher import Watcher
from services.stream.feeds.pages import Page, PageAsk
from services.stream.feeds.places import BOTTOM, Place
from tests.unit.stream.feeds.feeds_worker import Worker
from tests.unit.stream.feeds.house import House, Shown, page_ask, shown

_ROOM = 1000
_MOST_ROUNDS = 20


class Listener:
    """A client's side of a live feed, and the stream that it is at. entries: by id, as the reference has them."""

    def __init__(self, house: House, ask: Mapping[str, Any]) -> None:
        self.house = house
        self.ask: PageAsk = page_ask(**ask)
        self.entries: dict[str, Shown] = {}
        self.floor: Place = BOTTOM
        self.cursors: list[tuple[LiveCursor, dict[str, Shown], Place]] = []
        self.snapshots = 0
        self.heard: list[tuple[Kind, str]] = []
        self._stream: tuple[Worker, Watcher, LiveView] | None = None

    @property
    def watcher(self) -> Watcher:
        """What the worker keeps of her."""
        assert self._stream
        return self._stream[1]

    @property
    def listens(self) -> bool:
        """Whether she is at a stream that can go on: its worker is up and owns her. One that lost her unnoticed is not up to date."""
        if self._stream is None:
            return False
        worker, watcher, _ = self._stream
        return worker is self.house.owner_of(self.ask.user) and not watcher.is_over

    def begin(self) -> None:
        """Open a stream at her owner and take its first message."""
        self._open()
        assert self._stream
        self._take(self.house.run(self._stream[2].snapshot(self.watcher)))

    def go_on(self, nth: int = 0) -> None:
        """Open a stream with one of her cursors, counted from the latest, and what she had then."""
        cursor, entries, floor = self.cursors[-1 - nth % len(self.cursors)]
        self._open()
        self.entries, self.floor = dict(entries), floor
        assert self._stream
        self._take(self.house.run(self._stream[2].resume(self.watcher, cursor)))

    def leave(self) -> None:
        """Go away."""
        if self._stream is not None:
            worker, watcher, _ = self._stream
            worker.engine.unwatch(watcher)
            self._stream = None

    def listen(self) -> None:
        """Take messages until there is no more news."""
        for _ in range(_MOST_ROUNDS):
            assert self._stream
            if not self.watcher.has_news:
                return
            self._take(self.house.run(self._stream[2].news(self.watcher)))
        raise AssertionError("news without end")

    def expected(self) -> list[Shown]:
        """Return what she should have: her feed as the reference has it, down to where her snapshot ended."""
        feed = self.house.expected(self.ask.user, employee=self.ask.employee, asked=self.ask.wanted)
        latest = self.house.latest
        return [entry for entry in feed if Place(latest[entry[0]].sort_time_ms, entry[0]) >= self.floor]

    def held(self) -> list[Shown]:
        """Return what she has, newest first."""
        latest = self.house.latest
        return sorted(self.entries.values(), key=lambda entry: (latest[entry[0]].sort_time_ms, entry[0]), reverse=True)

    def _open(self) -> None:
        self.leave()
        worker = self.house.owner_of(self.ask.user)
        view = LiveView(worker.engine, worker.state, worker.reader, self.house.history, worker.catch_up)
        relations = worker.state.reader(self.ask.user, employee=self.ask.employee)
        watcher = Watcher(self.ask, relations, _ROOM)
        worker.engine.watch(watcher)
        self._stream = worker, watcher, view

    def _take(self, told: Told) -> None:
        if told.snapshot is not None:
            self.entries, self.snapshots = {}, self.snapshots + 1
            self.floor = told.snapshot.below or BOTTOM
            assert all(event.kind is not Kind.REMOVED for event in told.events)
        for event in told.events:
            self._apply(event.kind, event.id, event.entry)
        assert len(self.entries) == len(self.watcher.held) <= MOST_HELD
        if told.cursor is not None:
            assert told.cursor.floor == self.floor
            self.cursors.append((told.cursor, dict(self.entries), self.floor))

    def _apply(self, kind: Kind, activity_id: str, entry: Any) -> None:
        self.heard.append((kind, activity_id))
        assert (activity_id in self.entries) == (kind is not Kind.ADDED), (
            "an entry is added once, and edited or removed while it is there"
        )
        if entry is None:
            del self.entries[activity_id]
        else:
            [self.entries[activity_id]] = shown(Page([entry], None, None, 0, partial=False))
