"""Changes that users ask for: a record in the log, in force when the call returns."""

import asyncio
import time
import uuid
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.contracts.cloud_events import MARKED, RELATED, cloud_event
from services.contracts.errors import Overloaded, ServiceUnavailable
from services.contracts.relation_codec import Marker, MarkerKind, marker_to_bytes, relation_to_bytes
from services.contracts.relations import Relation, RelationKind
from services.contracts.topics import MARKERS, RELATIONS
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.records import Outgoing
from services.stream.feeds.owned_relations import OwnedRelations
from services.stream.feeds.relation_state import RelationState

_SECONDS = 5.0
# What one history query takes, see ListHistoryRequest.
_MOST = {RelationKind.FOLLOWS: 40_000, RelationKind.MEMBER_OF: 10_000}


class Changes:
    """Writes edges and markers of the users owned here and waits until they are applied. Repeating a change changes nothing.

    All raise ServiceUnavailable when Kafka or the applying takes too long: the change may then come into force later.
    """

    def __init__(self, state: RelationState, owned: OwnedRelations, producer: AIOKafkaProducer) -> None:
        self._state = state
        self._owned = owned
        self._producer = producer

    async def relate(self, subject: str, kind: RelationKind, obj: str) -> None:
        """Make an edge. Raises Overloaded where a user has too many."""
        objects = self._state.objects(subject, kind)
        if obj in objects:
            return
        if len(objects) >= _MOST.get(kind, 10_000):
            raise Overloaded("no more of these are possible for one user", retry_after_s=0.0)
        relation = Relation(subject, kind, obj, _now_ms())
        await self._write([self._outgoing(RELATIONS.name, RELATED, subject, relation.key, relation_to_bytes(relation))])

    async def unrelate(self, subject: str, kind: RelationKind, obj: str) -> None:
        """Take an edge back."""
        if obj in self._state.objects(subject, kind):
            relation = Relation(subject, kind, obj)
            await self._write([self._outgoing(RELATIONS.name, RELATED, subject, relation.key, None)])

    async def mark(self, user: str, kind: MarkerKind, activity_ids: Sequence[str], *, taken_back: bool = False) -> None:
        """Mark activities as saved or read, or take the marks back."""
        markers = [Marker(user, kind, activity_id, _now_ms()) for activity_id in dict.fromkeys(activity_ids)]
        values = [None if taken_back else marker_to_bytes(marker) for marker in markers]
        pairs = zip(markers, values, strict=True)
        await self._write([self._outgoing(MARKERS.name, MARKED, user, marker.key, value) for marker, value in pairs])

    def _outgoing(self, topic: str, event: str, user: str, key: bytes, value: bytes | None) -> Outgoing:
        headers = cloud_event(event_type=event, event_id=uuid.uuid4().hex, source="feeds", subject=user, time_ms=_now_ms())
        return Outgoing(topic, key, value, headers, self._state.partition_of(user))

    async def _write(self, records: list[Outgoing]) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                confirmed = await send_confirmed(self._producer, records)
                await self._owned.positions.wait({sent.partition: sent.offset + 1 for sent in confirmed}, _SECONDS)
        except (KafkaError, TimeoutError):
            raise ServiceUnavailable("the change could not be confirmed; it may still come into force") from None


def _now_ms() -> int:
    return int(time.time() * 1000)
