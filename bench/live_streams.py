"""Many open streams, a hundred on a connection, as the bench holds them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self

import grpc

from bench.grpc_load import Call

A_CONNECTION = 100
_AT_ONCE = 50
_SECONDS = 60.0
_OPTIONS = (("grpc.max_receive_message_length", 64 * 1024 * 1024), ("grpc.use_local_subchannel_pool", 1))


class LiveStreams:
    """Streams of one method. Use it as an async context manager; they end with it."""

    def __init__(self, address: str, method: str) -> None:
        self._address = address
        self._method = method
        self._channels: list[grpc.aio.Channel] = []
        self._streams: list[Any] = []
        self._reading: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        for stream in self._streams:
            stream.cancel()
        for channel in self._channels:
            await channel.close()

    async def open(self, calls: Sequence[Call]) -> list[bytes]:
        """Open a stream for each call; return its first message."""
        firsts: list[bytes] = []
        for begin in range(0, len(calls), _AT_ONCE):
            opened = [self._opened(call) for call in calls[begin : begin + _AT_ONCE]]
            firsts += await asyncio.gather(*(asyncio.wait_for(stream.read(), _SECONDS) for stream in opened))
        return firsts

    def read_on(self, take: Callable[[bytes], None]) -> None:
        """Give every further message of all streams to take, until the end."""
        self._reading += [asyncio.create_task(_read(stream, take)) for stream in self._streams]

    def _opened(self, call: Call) -> Any:
        if len(self._streams) % A_CONNECTION == 0:
            self._channels.append(grpc.aio.insecure_channel(self._address, options=_OPTIONS))
        ask: Any = self._channels[-1].unary_stream(self._method)
        stream = ask(call.request, metadata=call.metadata, wait_for_ready=True)
        self._streams.append(stream)
        return stream


async def _read(stream: Any, take: Callable[[bytes], None]) -> None:
    while (message := await stream.read()) is not grpc.aio.EOF:
        take(message)
