"""The active readers: those whose home feed is kept in a row of the timelines."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Reader:
    """A user with a row. employee: the row was built with what employees read. names: what her row is listed under.

    pending: those of names whose older activities the row still lacks.
    """

    row: int
    employee: bool
    names: frozenset[str]
    pending: frozenset[str] = frozenset()


class Readers:
    """user → row, for at most `rows` users at a time."""

    def __init__(self, rows: int) -> None:
        self._of: dict[str, Reader] = {}
        self._users: list[str | None] = [None] * rows
        self._free = list(range(rows - 1, -1, -1))
        self._used_at = np.zeros(rows, np.float64)
        #: Rows from here on were never in use.
        self.ever_used = 0

    def __len__(self) -> int:
        return len(self._of)

    def get(self, user: str) -> Reader | None:
        """Return an active reader, None when the user isn't one."""
        return self._of.get(user)

    def touch(self, user: str, now: float) -> None:
        """Note that an active reader reads. now: seconds on a clock that never goes back."""
        self._used_at[self._of[user].row] = now

    def open(self, user: str, names: Collection[str], now: float, *, employee: bool) -> Reader:
        """Give a user a row. Raises IndexError when there is none left; see idlest."""
        reader = Reader(self._free.pop(), employee, frozenset(names))
        self._of[user] = reader
        self.ever_used = max(self.ever_used, reader.row + 1)
        self._users[reader.row] = user
        self._used_at[reader.row] = now
        return reader

    def rename(self, user: str, names: frozenset[str], pending: frozenset[str]) -> None:
        """Note that an active reader's row is listed under names, and lacks the older activities of those that are pending."""
        reader = self._of[user]
        self._of[user] = Reader(reader.row, reader.employee, names, pending)

    def close(self, user: str) -> Reader | None:
        """Take a user's row back and return what she was, None when she had none."""
        reader = self._of.pop(user, None)
        if reader is not None:
            self._users[reader.row] = None
            self._free.append(reader.row)
        return reader

    def idlest(self) -> str | None:
        """Return who must go before another may come: None while rows are free, else who hasn't read for longest."""
        if self._free:
            return None
        return self._users[int(np.argmin(self._used_at))]

    def users(self) -> list[str]:
        """Return the active readers."""
        return list(self._of)
