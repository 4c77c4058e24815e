"""What the readers of search know from topics: memberships, and how far the index has come."""

from collections.abc import Sequence

import structlog

from services.contracts.codec import UndecodableRecord
from services.contracts.errors import ServiceUnavailable
from services.contracts.relation_codec import progress_from_bytes
from services.contracts.topics import INDEX_PROGRESS, RELATIONS
from services.runtime import metrics
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Record
from services.search.membership import Membership
from services.search.topic_view import TopicView

log = structlog.get_logger()

# Follow and Leave are in force when they answer; a reader that is further behind than this answers nothing.
MAX_STALE_SECONDS = 5.0


class MembershipView:
    """The members' groups as the relations log has them now."""

    def __init__(self, security: KafkaSecurity, *, max_stale_s: float = MAX_STALE_SECONDS) -> None:
        self._membership = Membership()
        self._max_stale_s = max_stale_s
        self._view = TopicView(security, RELATIONS.name, self._take)

    async def run(self) -> None:
        """See TopicView.run."""
        await self._view.run()

    def groups_of(self, user: str) -> frozenset[str]:
        """Return the groups of a user. Raises ServiceUnavailable while the view may be too old: somebody may have left."""
        if self.problem():
            raise ServiceUnavailable("memberships are not up to date; nothing is shown until they are")
        return self._membership.of(user)

    def problem(self) -> str:
        """Return why memberships can't be relied on, empty when they can."""
        age = self._view.age()
        metrics.MEMBERSHIP_STALE_SECONDS.set(age)
        return "" if age <= self._max_stale_s else f"{RELATIONS.name} is not followed up to its end"

    def _take(self, records: Sequence[Record]) -> None:
        for record in records:
            try:
                self._membership.take(record.key or b"", record.value)
            except ValueError:
                log.warning("relation without a usable key", partition=record.partition, offset=record.offset)


class ProgressView:
    """The vector of refreshed offsets of one index, as the indexers announced it."""

    def __init__(self, security: KafkaSecurity, index_name: str) -> None:
        self._index_name = index_name
        self._refreshed: dict[int, int] = {}
        self._view = TopicView(security, INDEX_PROGRESS.name, self._take)

    async def run(self) -> None:
        """See TopicView.run."""
        await self._view.run()

    def refreshed(self) -> dict[int, int]:
        """Return for each partition the offset before which everything is visible to a search that starts now."""
        return dict(self._refreshed)

    def problem(self) -> str:
        """Return why the vector is not known, empty when it is. An old one is good: it only says less."""
        return f"{INDEX_PROGRESS.name} is not read yet" if self._view.complete_at == float("-inf") else ""

    def _take(self, records: Sequence[Record]) -> None:
        for record in records:
            try:
                progress = progress_from_bytes(record.value or b"")
            except UndecodableRecord:
                log.warning("undecodable index progress", offset=record.offset)
                continue
            if progress.index == self._index_name:
                self._refreshed[progress.partition] = progress.refreshed
