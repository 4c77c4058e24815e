"""Callers of a gRPC method, many at a time, from one process: as fast as they are answered, or at a rate."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Self

import grpc

_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """What one caller sends: bytes of the request, and who she is."""

    request: bytes
    metadata: tuple[tuple[str, str], ...]


def call_as(token: str, request: bytes) -> Call:
    """Return a call with a bearer token."""
    return Call(request, (("authorization", f"Bearer {token}"),))


class GrpcLoad:
    """Several connections to one server. Use it as an async context manager, inside one running loop."""

    def __init__(self, address: str, connections: int = 4) -> None:
        # Without the second option all channels of a process share one connection.
        options = (("grpc.max_receive_message_length", 64 * 1024 * 1024), ("grpc.use_local_subchannel_pool", 1))
        self._channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(connections)]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels:
            await channel.close()

    async def once(self, method: str, call: Call) -> bytes:
        """Make one call; return the answer's bytes. Raises AioRpcError."""
        answer: bytes = await self._methods(method)[0](call.request, metadata=call.metadata, timeout=_SECONDS)
        return answer

    async def stream(self, method: str, items: Sequence[bytes], metadata: tuple[tuple[str, str], ...]) -> bytes:
        """Call a method that takes a stream and answers once; return the answer's bytes. Raises AioRpcError."""
        ask: Callable[..., Any] = self._channels[-1].stream_unary(method)
        answer: bytes = await ask(iter(items), metadata=metadata, timeout=_SECONDS)
        return answer

    async def rate(self, method: str, calls: Sequence[Call], *, in_flight: int, seconds: float) -> float:
        """Return how many calls a second are answered when so many are always under way. Raises AioRpcError at the first failure."""
        methods, todo, count = self._methods(method), cycle(calls), 0
        end = time.perf_counter() + seconds

        async def go_on(ask: Callable[..., Any]) -> None:
            nonlocal count
            while time.perf_counter() < end:
                call = next(todo)
                await ask(call.request, metadata=call.metadata, timeout=_SECONDS)
                count += 1

        begun = time.perf_counter()
        await asyncio.gather(*(go_on(methods[number % len(methods)]) for number in range(in_flight)))
        return count / (time.perf_counter() - begun)

    async def latencies(self, method: str, calls: Sequence[Call], *, a_second: float, seconds: float) -> list[float]:
        """Return the milliseconds of calls made at a steady rate, from when each was due: who waits for a slow server is counted."""
        methods, took, under_way = self._methods(method), list[float](), deque[asyncio.Task[None]]()

        async def ask(number: int, due: float) -> None:
            call = calls[number % len(calls)]
            await methods[number % len(methods)](call.request, metadata=call.metadata, timeout=_SECONDS)
            took.append((time.perf_counter() - due) * 1000)

        begun = time.perf_counter()
        for number in range(round(a_second * seconds)):
            due = begun + number / a_second
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            under_way.append(asyncio.create_task(ask(number, due)))
            while under_way and under_way[0].done():
                under_way.popleft().result()
        await asyncio.gather(*under_way)
        return took

    def _methods(self, method: str) -> list[Callable[..., Any]]:
        return [channel.unary_unary(method) for channel in self._channels]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of values don't exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]
