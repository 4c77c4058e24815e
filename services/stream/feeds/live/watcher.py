"""One who watches a feed: what she was told, and what may have changed since."""

import asyncio
from collections.abc import Iterable

from services.contracts.relations import PersonRelations
from services.stream.feeds.live.held_entries import HeldEntries
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.places import TOP, Place


class Watcher:
    """One live feed, as its worker keeps it.

    ask: whose feed, how large a snapshot, which filter. relations: what was known of her when she was listed under names. floor: the
    lowest place that is watched. pending: slots that may have changed since she was told, in order, at the most `room`; True for those
    of which only what she has done may have. stale: a snapshot is due. in_doubt: one is if her relations are others now. recheck:
    what she has done with entries may have changed. counted: slots on which something may have come or gone. is_over: the worker
    can't go on with her.
    """

    __slots__ = (
        "_waiting",
        "ask",
        "counted",
        "due",
        "floor",
        "held",
        "in_doubt",
        "is_due",
        "is_over",
        "is_writing",
        "overrun",
        "pending",
        "recheck",
        "relations",
        "room",
        "stale",
        "task",
        "until",
    )

    def __init__(self, ask: PageAsk, relations: PersonRelations, room: int) -> None:
        self.ask = ask
        self.relations = relations
        self.room = room
        self.floor: Place = TOP
        self.held = HeldEntries()
        self.pending: dict[int, bool] = {}
        self.counted: set[int] | None = None
        self.stale = False
        self.in_doubt = False
        self.recheck = False
        self.is_over = False
        #: When a keep-alive is due, and when the stream must end; seconds of the clock that the ticker reads.
        self.due = 0.0
        self.until = float("inf")
        self.is_due = False
        #: Set while a message is on its way out; whoever is then too slow is cancelled, with overrun saying why.
        self.is_writing = False
        self.overrun = False
        self.task: asyncio.Task[object] | None = None
        self._waiting: asyncio.Future[None] | None = None

    def touch(self, slot: int) -> None:
        """Note that an activity may have changed for her. O(1)."""
        if self.stale:
            return
        self.pending[slot] = False
        if len(self.pending) > self.room:
            self._overflow()
        self.wake()

    def count(self, slots: Iterable[int]) -> None:
        """Note that something may be on activities, or no longer."""
        self.counted = (self.counted or set()).union(slots)
        self.wake()

    def outdate(self) -> None:
        """Note that more than single entries may have changed: a snapshot is due."""
        self.stale = True
        self.pending = {}
        self.wake()

    def doubt(self) -> None:
        """Note that her relations may be others."""
        self.in_doubt = True
        self.wake()

    def recheck_all(self) -> None:
        """Note that what she has done with entries may have changed; what she has read may also bring entries back that are not held."""
        if self.ask.wanted.unread_only:
            self.outdate()
        else:
            self.recheck = True
            self.wake()

    def end(self) -> None:
        """Note that the worker can't go on with her."""
        self.is_over = True
        self.wake()

    def begin_anew(self, relations: PersonRelations) -> None:
        """Forget what she was told. relations: hers now."""
        self.relations = relations
        self.stale = self.in_doubt = self.recheck = False
        self.pending = {}
        self.held.clear()

    def wake(self) -> None:
        """Let whoever waits for `woken` go on."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    @property
    def has_news(self) -> bool:
        """Whether there is a reason to look."""
        return (
            bool(self.pending) or bool(self.counted) or self.stale or self.in_doubt or self.recheck or self.is_over or self.is_due
        )

    def woken(self) -> "asyncio.Future[None]":
        """Return what is done when there may be a reason to look. A future and no coroutine: thousands wait for one."""
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def _overflow(self) -> None:
        if self.is_writing and self.task is not None:
            self.overrun = True
            self.task.cancel()
        # Nobody reads too slowly where nothing is being written: so much came at once that a snapshot says it in less.
        self.outdate()
