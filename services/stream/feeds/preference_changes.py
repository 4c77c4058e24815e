"""What users say about how they want their feeds: records in the log, in force when the call returns."""

import asyncio
import time
import uuid
from collections.abc import Callable
from weakref import WeakValueDictionary

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.contracts.cloud_events import PREFERRED, cloud_event
from services.contracts.errors import ServiceUnavailable
from services.contracts.preferences import Preference, preference_to_bytes
from services.contracts.topics import PREFERENCES
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.records import Outgoing, TopicPartition
from services.stream.feeds.positions import Positions
from services.stream.feeds.preferences import Preferences

_SECONDS = 5.0


class PreferenceChanges:
    """Writes preferences of the users owned here and waits until they are applied. Repeating a change changes nothing.

    Changes of one user happen one after the other. Raises ServiceUnavailable when Kafka or the applying takes too long (the
    change may then come into force later), and KeyError when the user isn't owned here.
    """

    def __init__(
        self,
        preferences: Preferences,
        partition_of: Callable[[str], int],
        applied: Positions[TopicPartition],
        producer: AIOKafkaProducer,
    ) -> None:
        """Take the parts. applied: the next offset of every owned partition."""
        self._preferences = preferences
        self._partition_of = partition_of
        self._applied = applied
        self._producer = producer
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, user: str, feed: str) -> Preference:
        """Return what a user wants now."""
        return self._preferences.of(self._partition_of(user), user, feed)

    async def edit(self, user: str, feed: str, change: Callable[[Preference], Preference]) -> Preference:
        """Make what change returns of what holds, and return it."""
        async with self._turns.setdefault(user, asyncio.Lock()):
            wanted = change(self.of(user, feed))
            partition, now_ms = self._partition_of(user), int(time.time() * 1000)
            headers = cloud_event(event_type=PREFERRED, event_id=uuid.uuid4().hex, source="feeds", subject=user, time_ms=now_ms)
            await self._write(Outgoing(PREFERENCES.name, wanted.key, preference_to_bytes(wanted), headers, partition))
            return wanted

    async def _write(self, record: Outgoing) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                confirmed = await send_confirmed(self._producer, [record])
                await self._applied.wait({sent.partition: sent.offset + 1 for sent in confirmed}, _SECONDS)
        except (KafkaError, TimeoutError):
            raise ServiceUnavailable("the change could not be confirmed; it may still come into force") from None
