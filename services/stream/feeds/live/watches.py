"""Who watches: found by the names that activities are delivered to, and by user. An arrival that nobody watches costs nothing."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from services.contracts.matching import Facts, delivered_to, delivery_names
from services.contracts.relations import PersonRelations
from services.stream.feeds.live.watcher import Watcher


class Watches:
    """All watchers of a worker. What happens to activities and relations is told to those whom it may concern; they look for themselves."""

    def __init__(self) -> None:
        #: Name → who watches it. To be looked at only.
        self.by_name: dict[str, list[Watcher]] = {}
        self._of: dict[str, list[Watcher]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Watcher]:
        return (watcher for watchers in self._of.values() for watcher in watchers)

    def watches(self, user: str) -> bool:
        """Return whether somebody watches a user's feed."""
        return user in self._of

    def of(self, user: str) -> tuple[Watcher, ...]:
        """Return who watches a user's feed."""
        return tuple(self._of.get(user, ()))

    def add(self, watcher: Watcher) -> None:
        """List a watcher under the names of her relations."""
        self._count += 1
        self._of.setdefault(watcher.ask.user, []).append(watcher)
        self._list(watcher, delivery_names(watcher.relations))

    def remove(self, watcher: Watcher) -> None:
        """Forget a watcher."""
        self._count -= 1
        _take(self._of, watcher.ask.user, watcher)
        self._unlist(watcher, delivery_names(watcher.relations))

    def begin_anew(self, watcher: Watcher, relations: PersonRelations) -> None:
        """List a watcher under what she follows now, and have her forget what she was told."""
        if relations is not watcher.relations:
            before, now = delivery_names(watcher.relations), delivery_names(relations)
            self._unlist(watcher, before - now)
            self._list(watcher, now - before)
        watcher.begin_anew(relations)

    def arrived(self, slot: int, names: Iterable[str], before: Facts | None) -> None:
        """Tell those whom a record may concern. names: what it is delivered to; before: what was known of its activity."""
        by_name = self.by_name
        for name in names:
            for watcher in by_name.get(name, ()):
                watcher.touch(slot)
        if before is not None:
            for name in delivered_to(before):
                for watcher in by_name.get(name, ()):
                    watcher.touch(slot)

    def liked(self, user: str, slot: int) -> None:
        """Tell that a user's like of an activity came or went."""
        for watcher in self._of.get(user, ()):
            watcher.touch(slot)

    def counted(self, slot: int, facts: Facts) -> None:
        """Tell those who hold an activity that something is on it, or no longer. What others are told later has its counts with it."""
        for name in delivered_to(facts):
            for watcher in self.by_name.get(name, ()):
                if watcher.held.state_of(slot) is not None:
                    watcher.count((slot,))

    def marked(self, user: str) -> None:
        """Tell that a user marked something, or took a mark back."""
        for watcher in self._of.get(user, ()):
            watcher.recheck_all()

    def related(self, user: str) -> None:
        """Tell that a user's relations may have changed."""
        for watcher in self._of.get(user, ()):
            watcher.doubt()

    def identified(self) -> None:
        """Tell that names may stand for other people. O(watchers), and what it costs each to look."""
        for watcher in self:
            watcher.doubt()

    def end(self, users: Iterable[str]) -> None:
        """Tell that the worker can't go on with the feeds of users."""
        for user in users:
            for watcher in self._of.get(user, ()):
                watcher.end()

    def users(self) -> list[str]:
        """Return whose feeds are watched."""
        return list(self._of)

    def slots(self) -> list[NDArray[np.int32]]:
        """Return the slots that must stay, int32[n] each: what was told and what may have changed."""
        going_on = [watcher for watcher in self if not watcher.is_over]
        # Copies: an array that is looked at can't grow.
        found = [np.array(watcher.held.slots, np.int32) for watcher in going_on if len(watcher.held)]
        found += [np.array(list(watcher.pending), np.int32) for watcher in going_on if watcher.pending]
        return found

    def _list(self, watcher: Watcher, names: Iterable[str]) -> None:
        for name in names:
            self.by_name.setdefault(name, []).append(watcher)

    def _unlist(self, watcher: Watcher, names: Iterable[str]) -> None:
        for name in names:
            _take(self.by_name, name, watcher)


def _take(of: dict[str, list[Watcher]], name: str, watcher: Watcher) -> None:
    watchers = of[name]
    watchers.remove(watcher)
    if not watchers:
        del of[name]
