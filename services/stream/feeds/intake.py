"""Applying records of the relation topics: the state changes, and the engine learns which timelines that concerns."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from services.contracts.cloud_events import RELATION_OFFSET
from services.contracts.matching import delivery_names
from services.contracts.relations import Relation, RelationKind, relation_of_inverse_key, relation_of_key
from services.runtime.records import Headers, Record
from services.stream.feeds.edge_keys import ID_BYTES
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.relation_state import RelationState


@dataclass(slots=True)
class Taken:
    """What came of some records. poison: those that can't be understood, which changed nothing; overtaken: see Intake.inverse."""

    poison: list[tuple[Record, ValueError]] = field(default_factory=list)
    overtaken: list[Relation] = field(default_factory=list)


class Intake:
    """Takes records of one partition in their order; the same again changes nothing.

    A record's key says everything, its timestamp since when; the value counts only in that it is there (None takes back). All
    raise KeyError for a partition that isn't owned.
    """

    def __init__(self, state: RelationState, engine: FeedEngine) -> None:
        self._state = state
        self._engine = engine

    def relations(self, records: Sequence[Record]) -> Taken:
        """Take records of sluice.relations.v1."""
        widened: set[str] = set()
        renamed: set[str] = set()

        def take(record: Record) -> None:
            relation = replace(relation_of_key(record.key or b""), created_ms=record.timestamp)
            if record.value is None:
                if self._state.remove_relation(record.partition, relation):
                    renamed.add(relation.subject)
            elif self._state.set_relation(record.partition, relation):
                # A new member may now read what came before: only a timeline that is built anew has that.
                (widened if relation.kind is RelationKind.MEMBER_OF else renamed).add(relation.subject)

        taken = _each(records, take)
        for user in widened:
            self._engine.evict(user)
        self._rename(renamed)
        for user in widened | renamed:
            self._engine.watches.related(user)
        return taken

    def inverse(self, records: Sequence[Record]) -> Taken:
        """Take records of sluice.relations.inverse.v1.

        One that comes from an older relation record than what is known of its edge changes nothing. Its edge is overtaken: the
        log's last record of that key is not the one that counts, and has to be written again.
        """
        overtaken: list[Relation] = []

        def take(record: Record) -> None:
            relation = replace(relation_of_inverse_key(record.key or b""), created_ms=record.timestamp)
            put = self._state.set_inverse if record.value is not None else self._state.remove_inverse
            if not put(record.partition, relation, relation_offset(record.headers)):
                overtaken.append(relation)
            elif relation.kind is RelationKind.BLOCKS:
                self._engine.watches.related(relation.object)

        taken = _each(records, take)
        taken.overtaken = overtaken
        return taken

    def markers(self, records: Sequence[Record]) -> Taken:
        """Take records of sluice.markers.v1."""
        groups, ids, places = self._state.marks_in([record.key for record in records])
        if places:
            taken = Taken([(records[place], ValueError("the key names no mark")) for place in places])
            good = np.flatnonzero(groups >= 0)
            records, groups, ids = [records[place] for place in good.tolist()], groups[good], ids[good]
        else:
            taken = Taken()
        data = ids.astype(">u8").tobytes()
        begins = np.flatnonzero(np.diff(groups, prepend=-1)).tolist()
        # Users mark by the dozen: what is asked of the state for one is asked for all that stand side by side.
        for begin, end in pairwise((*begins, len(records)) if begins else ()):
            run = records[begin:end]
            marks = [
                (data[at : at + ID_BYTES], None if record.value is None else record.offset)
                for at, record in zip(range(begin * ID_BYTES, end * ID_BYTES, ID_BYTES), run, strict=True)
            ]
            user = self._state.put_marks(run[0].partition, int(groups[begin]), marks)
            self._engine.watches.marked(user)
        return taken

    def identities(self, names: frozenset[str]) -> None:
        """Take note that names stand for other people than before. O(active readers) and what those cost whom it concerns."""
        self._state.forget_readers_of(names)
        self._engine.watches.identified()
        readers = self._engine.readers
        active = ((user, readers.get(user)) for user in readers.users())
        self._rename([user for user, reader in active if reader and not names.isdisjoint(reader.names)])

    def _rename(self, users: Iterable[str]) -> None:
        for user in users:
            if self._engine.readers.get(user):
                self._engine.set_names(user, delivery_names(self._state.reader(user, employee=False)))


def relation_offset(headers: Headers) -> int:
    """Return which record of sluice.relations.v1 an inverse record comes from: its offset, 0 where the record doesn't say."""
    for name, value in headers:
        if name == RELATION_OFFSET and value.isdigit():
            return int(value)
    return 0


def _each(records: Sequence[Record], take: Callable[[Record], None]) -> Taken:
    taken = Taken()
    for record in records:
        try:
            take(record)
        except ValueError as error:
            taken.poison.append((record, error))
    return taken
