"""A call is answered by the worker that owns the user; every other passes it on."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc

from services.contracts.errors import ServiceUnavailable
from services.runtime.metrics import FEEDS_FORWARDED
from services.stream.feeds.relation_state import RelationState

_HOPS = "sluice-hops"
# Two: while partitions move, the first owner that is asked may have lost them a moment ago.
_MOST_HOPS = 2
_DETAILS = "grpc-status-details-bin"
_SECONDS = 10.0

A = TypeVar("A")

Connect = Callable[[str], grpc.aio.Channel]


class Routing:
    """Decides where a call is answered."""

    def __init__(
        self,
        state: RelationState,
        address_of: Callable[[int], str | None],
        own_address: str,
        connect: Connect,
        trusted: Callable[[], None],
    ) -> None:
        """trusted: raises ServiceUnavailable while this worker can't answer for its users."""
        self._state = state
        self._address_of = address_of
        self._own_address = own_address
        self._connect = connect
        self._trusted = trusted
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def answer(
        self,
        name: str,
        context: Any,
        here: Callable[[], Awaitable[A]],
        there: Callable[[grpc.aio.Channel], Callable[..., Awaitable[A]]],
        request: Any,
    ) -> A:
        """Answer here when the entity name is owned here, else by the same method there. Raises ServiceUnavailable."""
        if self._state.owns(name):
            self._trusted()
            try:
                return await here()
            except KeyError:
                if self._state.owns(name):
                    raise
                raise ServiceUnavailable("the user is moving to another worker") from None
        return await self._forward(name, context, there, request)

    async def _forward(
        self, name: str, context: Any, there: Callable[[grpc.aio.Channel], Callable[..., Awaitable[A]]], request: Any
    ) -> A:
        metadata = {
            key: value for key, value in context.invocation_metadata() or () if key in ("authorization", "x-request-id", _HOPS)
        }
        hops = _hops(metadata.get(_HOPS, "0"))
        address = self._address_of(self._state.partition_of(name))
        if address is None or address == self._own_address or hops >= _MOST_HOPS:
            raise ServiceUnavailable("nobody owns this user at the moment")
        FEEDS_FORWARDED.inc()
        seconds = min(context.time_remaining() or _SECONDS, _SECONDS)
        try:
            call = there(self._channel(address))
            return await call(request, metadata=tuple((metadata | {_HOPS: str(hops + 1)}).items()), timeout=seconds)
        except grpc.aio.AioRpcError as error:
            details = [(key, value) for key, value in error.trailing_metadata() or () if key == _DETAILS]
            return await context.abort(error.code(), error.details() or "", tuple(details))  # type: ignore[no-any-return]  # it raises

    def _channel(self, address: str) -> grpc.aio.Channel:
        if address not in self._channels:
            self._channels[address] = self._connect(address)
        return self._channels[address]

    async def close(self) -> None:
        """Close the connections to other workers."""
        for channel in self._channels.values():
            await channel.close()


def _hops(said: str | bytes) -> int:
    """Return how often a call was passed on. Anybody can write that: what no worker of ours writes counts as too often."""
    return int(said) if said in {str(hops) for hops in range(_MOST_HOPS)} else _MOST_HOPS
