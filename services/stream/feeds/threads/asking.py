"""What is asked of a thread and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from services.stream.feeds.pages import Entry
from services.stream.feeds.threads.thread_tree import Path, Reply


class ThreadOrder(IntEnum):
    """The numbers are those of `sluice.feed.v1.ThreadOrder`."""

    TREE = 1
    OLDEST_FIRST = 2
    NEWEST_FIRST = 3


@dataclass(frozen=True, slots=True)
class ThreadAsk:
    """Which page of whose view of a conversation. activity: the id of any activity of it; replies are those below it.

    after: where the page before ended, a path for TREE, else a single place; None for the first page, which alone has ancestors.
    """

    user: str
    employee: bool
    activity: str
    size: int
    order: ThreadOrder = ThreadOrder.TREE
    after: Path | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """One page. ancestors: root first, None for what the reader may not see. replies: in order, each with its entry.

    next_after: where the next page begins, None at the end. count: of all replies. truncated: there is more than is ever shown here.
    """

    ancestors: Sequence[Entry | None]
    entry: Entry
    replies: Sequence[tuple[Reply, Entry]]
    next_after: Path | None
    count: int
    truncated: bool

    @property
    def entries(self) -> list[Entry]:
        """All that is shown: the activity, its ancestors, the replies."""
        return [self.entry, *(each for each in self.ancestors if each), *(entry for _, entry in self.replies)]
