"""What rankings need of activities, by slot of the activity table: names and texts as numbers, looked up once for each change."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.activity import Scope, Verb
from services.contracts.matching import Facts
from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.timelines import Slots

Codes = NDArray[np.int32]

#: So many of an activity's targets count: its actor, where it was put, its channel and the first tags.
TARGETS = 8
TEXTS: Final = ("source", "language", "verb", "scope")
# Names take 100 bytes each; beyond that many everything is looked up anew.
_MOST_NAMES = 1_000_000
_VERBS = tuple(verb.name.lower() for verb in Verb)
_SCOPES = tuple(scope.name.lower() for scope in Scope)


class EntryColumns:
    """The columns of one activity table. About 60 bytes a slot, only where rankings are read."""

    def __init__(self) -> None:
        self._table: ActivityTable | None = None
        self._forget()

    def _forget(self) -> None:
        # 0 is no name at all.
        self._codes: dict[str, int] = {"": 0}
        self._texts: dict[str, Codes] = {name: np.zeros(0, np.int32) for name in TEXTS}
        self._targets = np.zeros((0, TARGETS), np.int32)
        self._read_for_mentions = np.zeros(0, np.bool_)
        self._mentioned_in: defaultdict[str, set[int]] = defaultdict(set)
        self._mentions_of: dict[int, tuple[str, ...]] = {}

    def look(self, table: ActivityTable, slots: Slots) -> Slots:
        """Bring the columns of slots, each in use, up to what the table says; return those that had changed.

        O(slots), and for each changed one a few µs.
        """
        if table is not self._table or len(self._codes) > _MOST_NAMES:
            self._forget()
            self._table = table
            table.changed[:] = True
        if len(table.changed) > len(self._targets):
            self._grow(len(table.changed))
        changed = slots[table.changed[slots]]
        if len(changed):
            self._describe(changed, [table.facts_at(slot) for slot in changed.tolist()])
            table.changed[changed] = False
        return changed

    def texts(self, name: str, slots: Slots) -> Codes:
        """Return the codes of a text signal, int32[n]. name: one of TEXTS."""
        return self._texts[name].take(slots)

    def targets(self, slots: Slots) -> Codes:
        """Return the codes of the first targets, int32[n, TARGETS], 0 for none."""
        return self._targets.take(slots, axis=0)

    def code(self, name: str) -> int:
        """Return the code of a text or name, -1 where no entry has it."""
        return self._codes.get(name, -1)

    @property
    def names(self) -> int:
        """How many codes there are."""
        return len(self._codes)

    def mention(self, slots: Slots, names: Iterable[str]) -> NDArray[np.bool_]:
        """Return whether entries name any of names, bool[n]; False where the text isn't in memory. Reads each text once."""
        table = self._table
        for slot in slots[~self._read_for_mentions[slots]].tolist() if table else ():
            body = table.bodies[slot] if table else None
            if body is not None:
                self._read_for_mentions[slot] = True
                self._note_mentions(slot, tuple({entity.name for entity in pb.Activity.FromString(body).mentions}))
        mentioning = [slot for name in names for slot in self._mentioned_in.get(name, ())]
        return np.isin(slots, np.array(mentioning, np.int32)) if mentioning else np.zeros(len(slots), np.bool_)

    def _note_mentions(self, slot: int, names: tuple[str, ...]) -> None:
        for name in self._mentions_of.pop(slot, ()):
            self._mentioned_in[name].discard(slot)
            if not self._mentioned_in[name]:
                del self._mentioned_in[name]
        if names:
            self._mentions_of[slot] = names
        for name in names:
            self._mentioned_in[name].add(slot)

    def _describe(self, slots: Slots, facts: list[Facts]) -> None:
        code = self._code
        self._texts["source"][slots] = [code(one.source_kind) for one in facts]
        self._texts["language"][slots] = [code(one.language) for one in facts]
        self._texts["verb"][slots] = [code(_VERBS[one.verb]) for one in facts]
        self._texts["scope"][slots] = [code(_SCOPES[one.audience.scope]) for one in facts]
        nothing = ("",) * TARGETS
        self._targets[slots] = [[code(name) for name in (one.targets + nothing)[:TARGETS]] for one in facts]
        self._read_for_mentions[slots] = False
        for slot in self._mentions_of.keys() & set(slots.tolist()):
            self._note_mentions(slot, ())

    def _code(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    def _grow(self, size: int) -> None:
        more = size - len(self._targets)
        self._texts = {name: np.concatenate((column, np.zeros(more, np.int32))) for name, column in self._texts.items()}
        self._targets = np.concatenate((self._targets, np.zeros((more, TARGETS), np.int32)))
        self._read_for_mentions = np.concatenate((self._read_for_mentions, np.zeros(more, np.bool_)))
