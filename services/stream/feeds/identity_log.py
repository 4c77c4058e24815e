"""Following sluice.identities.v1, which every worker reads whole: whose an account is decides what everybody sees."""

from collections.abc import Callable, Sequence

import structlog

from services.contracts.codec import UndecodableRecord
from services.contracts.relation_codec import identity_from_bytes
from services.contracts.topics import IDENTITIES
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.follow import Follower
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Record, TopicPartition
from services.stream.feeds.identities import Identities
from services.stream.feeds.positions import Positions

log = structlog.get_logger()


class IdentityLog:
    """Keeps identities up to the log. positions: the next offset to be applied, by partition; they move after identities have."""

    def __init__(self, security: KafkaSecurity, identities: Identities, on_change: Callable[[frozenset[str]], None]) -> None:
        """on_change: called with the names that stand for other people than before, at once after they do."""
        self.positions: Positions[TopicPartition] = Positions()
        self._security = security
        self._identities = identities
        self._on_change = on_change

    async def read_back(self) -> None:
        """Read what there is so far. Raises KafkaError, and LookupError where the topic doesn't exist."""
        partitions = await partitions_of(self._security, IDENTITIES.name)
        for tp, end in (await bulk_read(self._security, partitions, lambda _, records: self._take(records))).items():
            self.positions.set(tp, end)

    async def run(self) -> None:
        """Follow from there until cancelled. Raises OffsetGone when the log has forgotten what lies between."""
        await Follower(self._security, self.positions.applied, self._follow, client_id="feeds-identities").run()

    async def _follow(self, tp: TopicPartition, records: Sequence[Record], position: int) -> None:
        self._take(records)
        self.positions.set(tp, position)

    def _take(self, records: Sequence[Record]) -> None:
        """Take records, the last of an account wins; the same again changes nothing."""
        changed: frozenset[str] = frozenset()
        for record in records:
            try:
                changed |= self._applied(record)
            except ValueError as error:
                # Nobody becomes anybody's account by this: who is linked stays so, and the next record says more.
                log.warning("identity can't be read", offset=record.offset, cause=type(error).__name__)
        if changed:
            self._on_change(changed)

    def _applied(self, record: Record) -> frozenset[str]:
        account = (record.key or b"").decode()
        if record.value is None:
            return self._identities.remove(account)
        identity = identity_from_bytes(record.value)
        if identity.account != account:
            raise UndecodableRecord("the account in the value is not that of the key")
        return self._identities.set(identity)
