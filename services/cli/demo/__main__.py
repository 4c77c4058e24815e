"""`python -m services.cli.demo`: the simulated other ends of the channels, as a process of their own. Started by `sluice up`."""

import argparse
import asyncio
import contextlib
import signal
import time
from pathlib import Path
from random import Random

from services.cli.demo.company import build_company
from services.cli.demo.sources import CONNECTIONS_PASSWORD, CONNECTIONS_USER, WEBHOOK_SECRET
from services.cli.demo.webhook_sender import WebhookSender
from services.cli.demo.world import World, live, serve


def opened_world(state: Path) -> World:
    """Return the world of the last run, or a new one with the day until now."""
    world = World(build_company(), Random(11), user=CONNECTIONS_USER, password=CONNECTIONS_PASSWORD)  # noqa: S311 - a demo
    if state.exists():
        world.load(state)
    else:
        world.backlog(int(time.time() * 1000))
        world.save(state)
    return world


async def run(port: int, inbox: str, state: Path, pause_s: float) -> None:
    """Serve the sites and let the day go on until SIGINT or SIGTERM."""
    world = opened_world(state)
    runner = await serve(world, "127.0.0.1", port)
    sender = WebhookSender(inbox, WEBHOOK_SECRET)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    day = asyncio.create_task(live(world, sender, state, pause_s=pause_s))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({day, stopping}, return_when=asyncio.FIRST_COMPLETED)
    day.cancel()
    stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await day
    world.save(state)
    await sender.close()
    await runner.cleanup()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="simulated channels for the demo")
    parser.add_argument("--port", type=int, required=True, help="where the sites are served")
    parser.add_argument("--inbox", required=True, help="URL of the inbox that webhooks go to")
    parser.add_argument("--state", type=Path, required=True, help="file that keeps the sites' content")
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between two pieces of writing, about")
    given = parser.parse_args()
    asyncio.run(run(given.port, given.inbox, given.state, given.pause))


if __name__ == "__main__":
    main()
