"""Changes that users ask for: records in the log, in force when the call returns."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.contracts.cloud_events import MARKED, RELATED, cloud_event
from services.contracts.errors import ServiceUnavailable
from services.contracts.marked_places import MarkedPlace
from services.contracts.relation_codec import Marker, MarkerKind, marker_to_bytes, relation_to_bytes
from services.contracts.relations import Relation, RelationKind
from services.contracts.topics import MARKERS, RELATIONS
from services.runtime.confirmed_sends import send_confirmed
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
        markers = [(Marker(user, kind, name, _now_ms()), True) for kind, name in marked.made]
        markers += [(Marker(user, kind, name), False) for kind, name in marked.taken_back]
        await self._write(
            [
                self._outgoing(MARKERS.name, MARKED, user, marker.key, marker_to_bytes(marker) if is_made else None)
                for marker, is_made in markers
            ]
        )

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
