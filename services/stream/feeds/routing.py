"""A call is answered by the worker that owns the user; every other passes it on, and to the other group where its own can't."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc
import structlog

from services.contracts.errors import ServiceUnavailable
from services.runtime.metrics import FEEDS_FORWARDED
from services.stream.feeds.first_answer import first_answer
from services.stream.feeds.passing_on import OwnerAway, Passage, is_away
from services.stream.feeds.relation_state import RelationState

log = structlog.get_logger()

_DETAILS = "grpc-status-details-bin"
# How long an owner may be silent before the other group is asked, too: for reads longer than pages take that need history, for
# writes longer, since who wrote in one group and reads in the other may miss her change for a moment.
READ_PATIENCE_S = 0.4
WRITE_PATIENCE_S = 2.0
# Without another group: what a partition that changes hands between two workers that are up takes.
PAUSES_S = (0.1, 0.3)

A = TypeVar("A")

Connect = Callable[[str], grpc.aio.Channel]
Here = Callable[[], Awaitable[A]]
There = Callable[[grpc.aio.Channel], Callable[..., Awaitable[A]]]


class Routing:
    """Decides where a call is answered. Calls may be made twice, so every one must be repeatable."""

    def __init__(
        self,
        state: RelationState,
        address_of: Callable[[int], str | None],
        own_address: str,
        connect: Connect,
        trusted: Callable[[], None],
        *,
        other_group: str = "",
        caught_up: Callable[[str], Awaitable[None]] | None = None,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        """trusted: raises ServiceUnavailable while this worker can't answer for its users. other_group: its address, if there is one.

        caught_up: returns when everything that the other group has acknowledged to a user is applied here; may raise ServiceUnavailable.
        pauses_s: before the second, third, … try within this group, where there is no other.
        """
        self._state = state
        self._address_of = address_of
        self._own_address = own_address
        self._connect = connect
        self._trusted = trusted
        self._other_group = other_group
        self._caught_up = caught_up
        self._pauses_s = pauses_s
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def answer(
        self, name: str, context: Any, here: Here[A], there: There[A], request: Any, *, patience_s: float = READ_PATIENCE_S
    ) -> A:
        """Answer here when the entity name is owned here, else by the same method there. Raises OwnerAway.

        patience_s: how long an owner may be silent before the other group is asked, too.
        """
        if self._state.owns(name):
            try:
                return await self._here(name, here)
            except OwnerAway:
                if self._state.owns(name) and not self._other_group:
                    raise
        try:
            return await self.ask(name, Passage.of(context), here, there, request, patience_s=patience_s)
        except grpc.aio.AioRpcError as error:
            details = [(key, value) for key, value in error.trailing_metadata() or () if key == _DETAILS]
            return await context.abort(error.code(), error.details() or "", tuple(details))  # type: ignore[no-any-return]  # it raises

    async def ways(
        self, name: str, passage: Passage
    ) -> list[tuple[grpc.aio.Channel, tuple[tuple[str, str | bytes], ...]] | None]:
        """Return where a stream for an entity name may be answered, in this order: None is here, else a channel and the metadata for it.

        Raises OwnerAway where there is nobody to ask.
        """
        ways: list[tuple[grpc.aio.Channel, tuple[tuple[str, str | bytes], ...]] | None] = []
        pauses = self._pauses_s if passage.first and not self._other_group else ()
        for pause in (*pauses, None):
            try:
                ways.append(await self._way(name, passage))
                break
            except OwnerAway:
                if pause is None and not (self._other_group and passage.first):
                    raise
            if pause is not None:
                await asyncio.sleep(pause)
        if self._other_group and passage.first:
            ways.append((self._channel(self._other_group), passage.crossing()))
        return ways

    async def _way(self, name: str, passage: Passage) -> tuple[grpc.aio.Channel, tuple[tuple[str, str | bytes], ...]] | None:
        if self._state.owns(name):
            return await self._here(name, _nothing)
        return self._channel(self._owner(name, passage)), passage.next()

    async def ask(
        self, name: str, passage: Passage, here: Here[A], there: There[A], request: Any, *, patience_s: float | None = None
    ) -> A:
        """Do the same for a call that passage describes. Raises OwnerAway, and AioRpcError for the owner's refusal.

        patience_s: None asks the other group only when the owner is away.
        """

        async def ours() -> A:
            return await self._in_this_group(name, passage, here, there, request)

        async def theirs() -> A:
            FEEDS_FORWARDED.labels("other-group").inc()
            return await self._call(self._other_group, passage.crossing(), passage, there, request)

        if not (self._other_group and passage.first):
            return await ours()
        return await first_answer(ours, theirs, patience_s, OwnerAway)

    async def _in_this_group(self, name: str, passage: Passage, here: Here[A], there: There[A], request: Any) -> A:
        for pause in self._pauses_s if passage.first and not self._other_group else ():
            try:
                return await self._by_owner(name, passage, here, there, request)
            except OwnerAway:
                if self._state.owns(name):
                    raise
            await asyncio.sleep(pause)
        return await self._by_owner(name, passage, here, there, request)

    async def _by_owner(self, name: str, passage: Passage, here: Here[A], there: There[A], request: Any) -> A:
        if self._state.owns(name):
            return await self._here(name, here)
        address = self._owner(name, passage)
        FEEDS_FORWARDED.labels("owner").inc()
        try:
            return await self._call(address, passage.next(), passage, there, request)
        except OwnerAway:
            if self._state.owns(name):
                return await self._here(name, here)
            if (changed := self._owner(name, passage)) == address:
                raise
            return await self._call(changed, passage.next(), passage, there, request)

    async def _here(self, name: str, here: Here[A]) -> A:
        try:
            self._trusted()
            if self._caught_up is not None:
                await self._caught_up(name)
                # Again: nothing may come between being trusted and answering.
                self._trusted()
        except ServiceUnavailable as error:
            raise OwnerAway(str(error)) from None
        try:
            return await here()
        except KeyError:
            if self._state.owns(name):
                raise
            raise OwnerAway("the user is moving to another worker") from None

    def _owner(self, name: str, passage: Passage) -> str:
        address = self._address_of(self._state.partition_of(name))
        if address is None or address == self._own_address or not passage.may_go_on:
            raise OwnerAway("nobody owns this user at the moment")
        return address

    async def _call(
        self, address: str, metadata: tuple[tuple[str, str | bytes], ...], passage: Passage, there: There[A], request: Any
    ) -> A:
        try:
            return await there(self._channel(address))(request, metadata=metadata, timeout=passage.seconds)
        except grpc.aio.AioRpcError as error:
            if not is_away(error):
                raise
            log.info("a worker does not answer for a user", code=error.code().name)
            raise OwnerAway("the worker that owns this user does not answer") from None

    def _channel(self, address: str) -> grpc.aio.Channel:
        if address not in self._channels:
            self._channels[address] = self._connect(address)
        return self._channels[address]

    async def close(self) -> None:
        """Close the connections to other workers."""
        for channel in self._channels.values():
            await channel.close()


async def _nothing() -> None:
    """Stand for an answer where it is only asked whether there may be one here."""
