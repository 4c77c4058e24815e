"""Whose an account is, and who approves of her followers: records of sluice.identities.v1."""

import asyncio
import time
import uuid

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.contracts.cloud_events import IDENTIFIED, cloud_event
from services.contracts.errors import InvalidRequest, ServiceUnavailable
from services.contracts.relation_codec import Identity, identity_to_bytes
from services.contracts.topics import IDENTITIES
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.records import Outgoing, TopicPartition
from services.stream.feeds.identities import Identities
from services.stream.feeds.limits import check_accounts
from services.stream.feeds.positions import Positions

_SECONDS = 5.0


class Accounts:
    """Links accounts to people. Any worker may; the log's last word counts, and every worker follows all of it.

    A change returns when it is in force in this worker, in others a moment later. Repeating it changes nothing. All raise
    ServiceUnavailable when Kafka or the applying takes too long: the change may then come into force later.
    """

    def __init__(self, identities: Identities, applied: Positions[TopicPartition], producer: AIOKafkaProducer) -> None:
        """Take the parts. applied: the next offset of the topic's partition that this worker has followed."""
        self._identities = identities
        self._applied = applied
        self._producer = producer

    async def link(self, account: str, person: str) -> None:
        """Make an account a person's. Raises InvalidRequest for chains, LimitReached."""
        if account == person:
            raise InvalidRequest("a person is no account of her own", field="account")
        if self._identities.person_of(person) != person:
            raise InvalidRequest("the person is an account of somebody", field="person")
        if self._identities.person_of(account) == account and self.of(account):
            raise InvalidRequest("the account has accounts of its own", field="account")
        check_accounts(self.of(person), account)
        await self._write(account, identity_to_bytes(Identity(account, person, created_ms=_now_ms())))

    async def unlink(self, account: str) -> None:
        """Make an account nobody's. Whoever is no account keeps her own settings, which stand under the same key."""
        if self._identities.person_of(account) != account or not self._identities.approves(account):
            await self._write(account, None)

    async def set_policy(self, user: str, *, approves: bool) -> None:
        """Say whether the person whose account a user is approves of her followers."""
        person = self._identities.person_of(user)
        identity = Identity(person, person, approves_followers=approves, created_ms=_now_ms())
        await self._write(person, identity_to_bytes(identity))

    def of(self, name: str) -> list[str]:
        """Return the accounts of the person whose account a name is, in the order of their names, without her own name."""
        return sorted(self._identities.names_of(name) - {self._identities.person_of(name)})

    def approves(self, name: str) -> bool:
        """Return whether following a name asks first."""
        return self._identities.approves(name)

    async def _write(self, account: str, value: bytes | None) -> None:
        now_ms = _now_ms()
        headers = cloud_event(event_type=IDENTIFIED, event_id=uuid.uuid4().hex, source="feeds", subject=account, time_ms=now_ms)
        record = Outgoing(IDENTITIES.name, account.encode(), value, headers, partition=0)
        try:
            async with asyncio.timeout(_SECONDS):
                confirmed = await send_confirmed(self._producer, [record])
                await self._applied.wait({sent.partition: sent.offset + 1 for sent in confirmed}, _SECONDS)
        except (KafkaError, TimeoutError):
            raise ServiceUnavailable("the change could not be confirmed; it may still come into force") from None


def _now_ms() -> int:
    return int(time.time() * 1000)
