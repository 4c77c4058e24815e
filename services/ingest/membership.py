"""Who belongs to which group, by the relations log alone: read whole at the start, then followed."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress

import structlog
from aiokafka.errors import KafkaError

from services.contracts.codec import UndecodableRecord
from services.contracts.errors import ServiceUnavailable
from services.contracts.relation_codec import relation_from_bytes
from services.contracts.relations import RelationKind, relation_of_key
from services.contracts.topics import RELATIONS
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.follow import Follower, OffsetGone
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Record, TopicPartition

# A Join that was answered a moment ago may still be on its way here: a no waits this long for a yes.
_GRACE_S = 0.5
_MOST_LAG = 10_000
_RETRY_S = 1.0

log = structlog.get_logger()


class MembershipUnknown(ServiceUnavailable):
    """The relations log isn't followed closely enough to say who belongs to what."""

    reason = "MEMBERSHIP_UNKNOWN"


class Members:
    """The groups of every person, folded from records of `sluice.relations.v1`: the last record of a key wins."""

    def __init__(self) -> None:
        self._groups: dict[str, set[str]] = defaultdict(set)

    def take(self, records: Sequence[Record]) -> None:
        """Fold records, offsets rising within a key. A record that can't be read is left out and logged."""
        for record in records:
            try:
                relation = relation_of_key(record.key or b"")
                if relation.kind is not RelationKind.MEMBER_OF:
                    continue
                if record.value is None:
                    self._groups[relation.subject].discard(relation.object)
                else:
                    relation_from_bytes(record.value)
                    self._groups[relation.subject].add(relation.object)
            except (ValueError, UndecodableRecord):
                log.warning("relation can't be decoded", topic=record.topic, partition=record.partition, offset=record.offset)

    def is_member(self, user: str, group: str) -> bool:
        """Return whether user belongs to group. user, group: entity names."""
        return group in self._groups.get(user, ())


class Membership:
    """Follows the relations log and answers from memory."""

    def __init__(self, security: KafkaSecurity) -> None:
        self._security = security
        self._members = Members()
        self._follower: Follower | None = None
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Read the log whole. Raises LookupError without the topic, KafkaError without Kafka."""
        members = Members()
        partitions = await partitions_of(self._security, RELATIONS.name)
        ends = await bulk_read(self._security, partitions, lambda _, records: members.take(records))
        self._members = members
        self._follower = Follower(self._security, ends, self._take, client_id="ingest-membership")

    async def run(self) -> None:
        """Follow the log until cancelled; read it whole again where it no longer has the position to go on from."""
        while True:
            if self._follower is not None:
                with suppress(OffsetGone):
                    await self._follower.run()
                self._follower = None
            try:
                await self.start()
            except (LookupError, KafkaError, OSError) as error:
                log.warning("relations can't be read", failure=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    @property
    def current(self) -> bool:
        """Whether the log is followed closely."""
        return self._follower is not None and self._follower.connected and self._follower.lag() <= _MOST_LAG

    async def is_member(self, user: str, group: str) -> bool:
        """Return whether user belongs to group; a no takes up to half a second. Raises MembershipUnknown."""
        if not self.current:
            raise MembershipUnknown("who belongs to the group isn't known at the moment")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _GRACE_S
        while not self._members.is_member(user, group):
            changed = self._changed
            try:
                await asyncio.wait_for(changed.wait(), max(0.0, deadline - loop.time()))
            except TimeoutError:
                return False
        return True

    async def _take(self, _partition: TopicPartition, records: Sequence[Record], _position: int) -> None:
        self._members.take(records)
        # A fresh event: those who wait look again, and wait for the next change if it wasn't theirs.
        self._changed, changed = asyncio.Event(), self._changed
        changed.set()
