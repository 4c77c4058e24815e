import asyncio
import os
import signal

from services.runtime.lifecycle import run_service


def signal_self(number=signal.SIGTERM):
    """Signal this process, as an orchestrator or a terminal would."""
    os.kill(os.getpid(), number)


def test_a_service_that_returns_exits_with_zero():
    async def main(stop):
        assert not stop.is_set()

    assert run_service(main) == 0


def test_sigterm_and_sigint_ask_the_service_to_stop():
    for number in (signal.SIGTERM, signal.SIGINT):
        finished = []

        async def main(stop, number=number, finished=finished):
            signal_self(number)
            await stop.wait()
            finished.append("drained")

        assert run_service(main) == 0
        assert finished == ["drained"]


def test_a_service_that_raises_exits_with_one():
    async def main(_stop):
        raise RuntimeError("broken")

    assert run_service(main) == 1


def test_a_service_that_does_not_stop_in_time_is_cancelled():
    cleaned = []

    async def main(_stop):
        signal_self()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("closed")

    assert run_service(main, grace_s=0.05) == 1
    assert cleaned == ["closed"]


def test_a_second_signal_does_not_wait_for_the_grace_period():
    async def main(stop):
        signal_self()
        await stop.wait()
        signal_self()
        await asyncio.Event().wait()

    assert run_service(main, grace_s=3600) == 1
