"""Reading conversations in a house, beside the reference: whole, page by page, and while things happen."""

import asyncio
from collections.abc import Callable

from services.contracts.errors import NotFound
from services.stream.feeds.threads.asking import Thread, ThreadAsk, ThreadOrder
from tests.unit.stream.feeds.house import House
from tests.unit.stream.feeds.reference import thread

_MOST_PAGES = 300
#: What a conversation says: ids of what it answers, outermost first; then id, parent and depth of each reply.
Told = tuple[list[str | None], list[tuple[str, str, int]]]


class ThreadHouse(House):
    """A house whose conversations are read."""

    def thread(self, user: str, activity: str, size: int = 100, *, order=ThreadOrder.TREE, after=None, employee=True) -> Thread:
        """Read one page from the owner, as it is now."""
        return self.run(self.owner_of(user).thread(ThreadAsk(user, employee, activity, size, order, after)))

    def thread_while(self, happening: Callable[[], object], question: int, ask: ThreadAsk) -> Thread | None:
        """Read a page; let something happen between its nth question to history, if there is one, and the answer. None: not found."""
        self.history.hold_at(question)
        reading = self.loop.create_task(self.owner_of(ask.user).thread(ask))
        holding = self.loop.create_task(self.history.held.wait())
        self.run(asyncio.wait((reading, holding), return_when=asyncio.FIRST_COMPLETED))
        if holding.done():
            happening()
        holding.cancel()
        self.history.release()
        try:
            return self.run(asyncio.wait_for(reading, None))
        except NotFound:
            return None

    def expected_thread(self, user: str, activity: str, *, employee=True) -> Told | None:
        """Return a conversation as the reference has it, None where it isn't found."""
        return thread(list(self.latest.values()), activity, user, self.society, employee=employee)

    def told(self, user: str, activity: str, size: int = 100, *, order=ThreadOrder.TREE, employee=True) -> Told | None:
        """Return a conversation read page by page to its end, None where it isn't found."""
        try:
            page = self.thread(user, activity, size, order=order, employee=employee)
        except NotFound:
            return None
        ancestors, replies, pages = [each and each.id for each in page.ancestors], lines(page), 1
        while page.next_after is not None:
            page = self.thread(user, activity, size, order=order, after=page.next_after, employee=employee)
            assert not page.ancestors, "only the first page has them"
            assert len(page.replies) == size or page.next_after is None, "a page is short only at the end"
            replies += lines(page)
            pages += 1
            assert pages < _MOST_PAGES
        return ancestors, replies

    def check_thread(self, user: str, activity: str, size: int = 100, *, order=ThreadOrder.TREE, employee=True) -> Told | None:
        """Compare a conversation, paged through, with the reference, and return it."""
        self.deliver_all(user)
        told = self.told(user, activity, size, order=order, employee=employee)
        expected = self.in_order(self.expected_thread(user, activity, employee=employee), order)
        assert told == expected, f"{user} reads {told} instead of {expected}"
        return told

    def in_order(self, told: Told | None, order: ThreadOrder) -> Told | None:
        """Return the same with its replies in another order."""
        if told is None or order is ThreadOrder.TREE:
            return told
        by_time = sorted(told[1], key=lambda line: (self.latest[line[0]].sort_time_ms, line[0]))
        return told[0], by_time[::-1] if order is ThreadOrder.NEWEST_FIRST else by_time


def lines(page: Thread) -> list[tuple[str, str, int]]:
    """Return the replies of a page as the reference has them."""
    assert all(reply.facts.id == entry.id for reply, entry in page.replies)
    return [(reply.facts.id, reply.parent, reply.depth) for reply, _ in page.replies]
