"""A member of a consumer group and its coordinator: until when partitions are surely nobody else's, and noticing the end."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest

_LOOK_SECONDS = 0.5


class Membership:
    """What the coordinator has confirmed.

    A coordinator gives a member's partitions away only when the session has ended since it last heard of it, or when the member has
    joined anew. So a process that stood still (a stopped container, a frozen disk, a machine under swap) knows that it may own nothing any
    more, before anybody tells it.
    """

    def __init__(self, timeout_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._timeout_s = timeout_s
        self._now = now
        self._confirmed_at = float("-inf")

    @property
    def held(self) -> bool:
        """Whether the partitions assigned last can't be another member's yet."""
        return self._now() - self._confirmed_at < self._timeout_s

    def watch(self, coordinator: Any) -> None:
        """Learn from the answers that a coordinator client of aiokafka gets. Nothing else of it changes."""
        send = coordinator._send_req  # noqa: SLF001 - aiokafka has no other place where an answer can be seen

        async def send_watched(request: Any) -> Any:
            asked_at = self._now()
            response = await send(request)
            # An error may mean that the group forms anew: then the session's time says nothing.
            if isinstance(request, HeartbeatRequest | SyncGroupRequest) and not response.error_code:
                self._confirmed_at = asked_at
            return response

        coordinator._send_req = send_watched  # noqa: SLF001 - as above


async def until_deaf(coordinator: Any) -> BaseException | None:
    """Wait for what ends a coordinator client of aiokafka, and return it; None when it was closed.

    It keeps such an error for a caller of `getmany`, and Faust doesn't call that: the member would run on, out of its group, for ever.
    """
    while not coordinator._closing.done():  # noqa: SLF001 - there is no public way to know
        await asyncio.wait({coordinator._coordination_task}, timeout=_LOOK_SECONDS)  # noqa: SLF001 - as above
        try:
            coordinator.check_errors()
        except (KafkaError, asyncio.CancelledError) as error:
            if not coordinator._coordination_task.done() and isinstance(error, asyncio.CancelledError):  # noqa: SLF001 - as above
                raise
            return error
    return None
