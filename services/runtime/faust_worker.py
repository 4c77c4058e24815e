"""A Faust app's life inside a process that does other things too, such as serving gRPC on the same event loop."""

import asyncio
import contextlib

import faust

from services.runtime.faust_transport import BatchConsumer


class FaustWorker:
    """Starts a Faust app in the running loop, notices when it fails, and stops it without losing work.

    The signals, the log and the loop stay with the process (Faust's own Worker would take them): use uvloop or not as
    the process likes. A worker is used once: after stop() build another app.
    """

    def __init__(self, app: faust.App, drain_seconds: float = 20.0) -> None:
        self.app = app
        self.drain_seconds = drain_seconds
        self._failure: Exception | None = None
        self._failed = asyncio.Event()
        self._ready = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned, hooks have run and streams deliver; False while rebalancing.

        False as well when the group may have given the partitions to somebody else without this worker knowing it yet.
        """
        return self._ready and not self._failed.is_set() and not self.app.rebalancing and self._membership_held

    @property
    def _membership_held(self) -> bool:
        consumer = self.app._consumer  # noqa: SLF001 - the public property would create one
        return isinstance(consumer, BatchConsumer) and consumer.membership.held

    def fail(self, error: Exception) -> None:
        """Report the failure that must end this worker. Only the first counts. Agents are given this as on_failure."""
        if self._failure is None:
            self._failure = error
        self._failed.set()

    async def start(self, timeout: float = 60.0) -> None:  # noqa: ASYNC109 - a start is bounded by its caller
        """Join the group and return when streams deliver (the hooks of `after_rebalance` included).

        Raises what made it fail, TimeoutError when the broker does not answer in time; the app is stopped then.
        """
        starting = asyncio.ensure_future(self.app.start())
        self._watch = asyncio.ensure_future(self._watch_crash())
        failed = asyncio.ensure_future(self._failed.wait())
        try:
            await asyncio.wait({starting, failed}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done() or failed.done():
                raise self._failure or TimeoutError(f"the Faust app did not start within {timeout:g} s")
            await starting
            self._ready = True
        finally:
            failed.cancel()
            if not self._ready:
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                await self.stop()

    async def start_unless(self, stop: asyncio.Event, timeout: float) -> bool:  # noqa: ASYNC109 - a start is bounded by its caller
        """Start as `start` does; return False, stopped again, when stop came first. Reading a large state back mustn't delay an end."""
        starting, stopping = asyncio.ensure_future(self.start(timeout)), asyncio.ensure_future(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return False
        await starting
        return True

    async def run(self, stop: asyncio.Event) -> None:
        """Wait for stop, then drain and return. Raises the failure, drained as well, if one comes first."""
        waiting = {asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self._failed.wait())}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await self.stop()
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        """Let agents finish the batch in hand (up to drain_seconds), commit what is finished, leave. Repeatable.

        A failed worker does not wait: the batch that failed can't finish, and is read again by the next worker.
        """
        self._ready = False
        consumer = self.app._consumer  # noqa: SLF001 - the public property would create one
        try:
            if isinstance(consumer, BatchConsumer) and consumer.started and not consumer.should_stop:
                await consumer.quiesce(0.0 if self._failed.is_set() else self.drain_seconds)
        finally:
            if self._watch is not None:
                self._watch.cancel()
                await asyncio.gather(self._watch, return_exceptions=True)
            with contextlib.suppress(asyncio.CancelledError):
                await self.app.stop()

    async def _watch_crash(self) -> None:
        await self.app._crashed.wait()  # noqa: SLF001 - Faust offers no other way to learn of it
        reason = self.app.crash_reason
        self.fail(reason if isinstance(reason, Exception) else RuntimeError(f"the Faust app crashed: {reason!r}"))
