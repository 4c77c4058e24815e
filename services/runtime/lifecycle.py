"""The life of a service process: a loop, signals, an orderly end and an exit code."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import structlog
import uvloop

GRACE_S = 30.0
EXIT_OK, EXIT_FAILED = 0, 1

Main = Callable[[asyncio.Event], Awaitable[None]]


def run_service(main: Main, *, grace_s: float = GRACE_S) -> int:
    """Run main on a fresh uvloop until it returns; give the exit code of the process.

    SIGINT and SIGTERM set the event that main gets: it finishes what it has accepted and returns. After grace_s seconds, or at a
    second signal, it is cancelled. 0: it returned. 1: it raised (logged) or had to be cancelled. Call from the main thread.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_supervise(main, grace_s))


async def _supervise(main: Main, grace_s: float) -> int:
    log = structlog.get_logger()
    loop = asyncio.get_running_loop()
    stop, hurry = asyncio.Event(), asyncio.Event()

    def on_signal(name: str) -> None:
        log.info("signal", signal=name, again=stop.is_set())
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number.name)
    service = asyncio.ensure_future(main(stop))
    watch = asyncio.create_task(_overdue(stop, hurry, grace_s))
    try:
        await asyncio.wait({service, watch}, return_when=asyncio.FIRST_COMPLETED)
        overdue = not service.done()
        service.cancel()
        await asyncio.wait({service})
        return _exit_code(service, overdue=overdue)
    finally:
        watch.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _overdue(stop: asyncio.Event, hurry: asyncio.Event, grace_s: float) -> None:
    """Return when a stopping service has had all the time it gets."""
    await stop.wait()
    try:
        await asyncio.wait_for(hurry.wait(), grace_s)
    except TimeoutError:
        return


def _exit_code(service: "asyncio.Future[None]", *, overdue: bool) -> int:
    log = structlog.get_logger()
    if overdue:
        log.error("not stopped in time, cancelled")
        return EXIT_FAILED
    if service.cancelled():
        log.error("service cancelled")
        return EXIT_FAILED
    if error := service.exception():
        log.error("service failed", exc_info=error)
        return EXIT_FAILED
    log.info("stopped")
    return EXIT_OK
