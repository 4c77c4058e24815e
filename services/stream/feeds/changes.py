"""Changes that users ask for: records in the log, in force when the call returns."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from weakref import WeakValueDictionary

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.contracts.cloud_events import MARKED, RELATED, EventHeaders, Headers, cloud_event
from services.contracts.errors import ServiceUnavailable
from services.contracts.marked_places import MarkedPlace
from services.contracts.relation_codec import MarkerKind, marker_key, markers_to_bytes, relation_to_bytes
from services.contracts.relations import Relation, RelationKind
from services.contracts.topics import MARKERS, RELATIONS
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.group_appends import GroupAppends
from services.runtime.records import Outgoing, TopicPartition
from services.stream.feeds.limits import check_edge, check_marks
from services.stream.feeds.mark_edits import MarkEdit, marked_again, marked_up_to
from services.stream.feeds.positions import Positions
from services.stream.feeds.relation_state import RelationState

_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Edit:
    """What shall become of the edges of one subject: those made, then those taken back, written in this order."""

    made: tuple[Relation, ...] = ()
    taken_back: tuple[Relation, ...] = ()


class _MarkRecord(NamedTuple):
    """A tuple: a user marks by the dozen."""

    key: bytes
    value: bytes | None
    headers: Headers


class Changes:
    """Writes edges and markers of the users owned here and waits until they are applied. Repeating a change changes nothing.

    What is there already is written again: the state here may be a moment behind what the other replica group has written, and
    the log's last word counts. Changes of one user happen one after the other. All raise ServiceUnavailable when Kafka or the
    applying takes too long (the change may then come into force later), LimitReached, and KeyError when the user isn't owned here.
    """

    def __init__(self, state: RelationState, applied: Positions[TopicPartition], producer: AIOKafkaProducer) -> None:
        """Take the parts. applied: the next offset of every owned partition."""
        self._state = state
        self._applied = applied
        self._producer = producer
        self._appends = GroupAppends(producer)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def relate(self, subject: str, kind: RelationKind, obj: str) -> None:
        """Make an edge."""
        await self.edit(subject, lambda: Edit(made=(Relation(subject, kind, obj),)))

    async def unrelate(self, subject: str, kind: RelationKind, obj: str) -> None:
        """Take an edge back."""
        await self.edit(subject, lambda: Edit(taken_back=(Relation(subject, kind, obj),)))

    async def edit(self, subject: str, decide: Callable[[], Edit]) -> Edit:
        """Do what decide returns, and return it. decide: is called when all former changes of the subject are applied; may raise."""
        async with self._turn(subject):
            edit = decide()
            made = [(relation.key, relation_to_bytes(self._dated(relation))) for relation in edit.made]
            gone = [(relation.key, None) for relation in edit.taken_back]
            await self._write([self._outgoing(RELATIONS.name, RELATED, subject, key, value) for key, value in (*made, *gone)])
            return edit

    async def mark(self, user: str, kind: MarkerKind, activity_ids: Sequence[str], *, taken_back: bool = False) -> None:
        """Mark activities as saved, read, seen or done, or take the marks back."""
        ids = tuple(dict.fromkeys(activity_ids))
        async with self._turn(user):
            marks = self._state.marks(user)
            marked = marked_again(marks, kind, ids, taken_back=taken_back)
            for made in {kind for kind, _ in marked.made}:
                check_marks(marks.of(made), ids)
            await self._write_marks(user, marked)

    async def mark_up_to(self, user: str, kind: MarkerKind, place: MarkedPlace) -> None:
        """Mark a feed up to a place. kind: one of UP_TO. A place below the one that is marked changes nothing."""
        async with self._turn(user):
            await self._write_marks(user, marked_up_to(self._state.marks(user), kind, place))

    async def _write_marks(self, user: str, marked: MarkEdit) -> None:
        """Write a change as a part of one batch: a user's marks are in one partition."""
        now_ms, written = _now_ms(), list[tuple[bytes, bytes | None]]()
        for changes, is_made in ((marked.made, True), (marked.taken_back, False)):
            for kind, some in groupby(changes, itemgetter(0)):
                ids = [activity_id for _, activity_id in some]
                keys = [marker_key(user, kind, activity_id) for activity_id in ids]
                values = markers_to_bytes(user, kind, ids, now_ms) if is_made else [None] * len(ids)
                written += zip(keys, values, strict=True)
        if not written:
            return
        headers = EventHeaders(MARKED, "feeds").of_many(
            len(written), event_id=uuid.uuid4().hex.encode(), subject=user.encode(), time_ms=now_ms
        )
        records = [_MarkRecord(key, value, of) for (key, value), of in zip(written, headers, strict=True)]
        partition = TopicPartition(MARKERS.name, self._state.partition_of(user))
        try:
            async with asyncio.timeout(_SECONDS):
                behind = await self._appends.append(partition, records)
                if not behind:
                    raise TimeoutError  # noqa: TRY301 - as below: it is there, and nobody says where
                await self._applied.wait({partition: behind}, _SECONDS)
        except (KafkaError, TimeoutError):
            raise ServiceUnavailable("the marks could not be confirmed; they may still come into force") from None

    def _turn(self, user: str) -> asyncio.Lock:
        return self._turns.setdefault(user, asyncio.Lock())

    def _dated(self, relation: Relation) -> Relation:
        """Return an edge with the time when it was first made. Raises LimitReached when it is new and one too many."""
        objects = self._state.objects(relation.subject, relation.kind)
        check_edge(relation, objects)
        return replace(relation, created_ms=objects.get(relation.object) or _now_ms())

    def _outgoing(self, topic: str, event: str, user: str, key: bytes, value: bytes | None) -> Outgoing:
        headers = cloud_event(event_type=event, event_id=uuid.uuid4().hex, source="feeds", subject=user, time_ms=_now_ms())
        return Outgoing(topic, key, value, headers, self._state.partition_of(user))

    async def _write(self, records: list[Outgoing]) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                confirmed = await send_confirmed(self._producer, records)
                await self._applied.wait({sent.partition: sent.offset + 1 for sent in confirmed}, _SECONDS)
        except (KafkaError, TimeoutError):
            raise ServiceUnavailable("the change could not be confirmed; it may still come into force") from None


def _now_ms() -> int:
    return int(time.time() * 1000)
