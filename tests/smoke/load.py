"""The load: pieces at a steady rate over the four channels, with edits and deletes, and restarts in the middle."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from services.cli.demo.webhook_sender import WebhookSender
from services.cli.demo.world import World
from services.cli.stack import Stack
from tests.smoke.writings import Piece, say

CATCH_UP_S = 3.0
RESTART_PAUSE_S = 2.0


@dataclass(slots=True)
class Disturbances:
    """When services were being restarted, in seconds since the epoch, and how long each took to be ready again."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    back_s: dict[str, float] = field(default_factory=dict)

    def undisturbed(self, at: float) -> bool:
        """Return whether nothing was being restarted at that time, catching up included."""
        return not any(start <= at <= end for start, end in self.spans)


async def speak(
    world: World, sender: WebhookSender, source: Iterator[Piece], said: list[Piece], *, rate: float, stop: asyncio.Event
) -> None:
    """Say pieces at rate a second until stop is set, editing and deleting a few; a late start of one doesn't slow the rest."""
    chance, start, number = Random(5), time.monotonic(), 0
    waiting: set[asyncio.Task[None]] = set()
    while not stop.is_set():
        await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
        number += 1
        piece = next(source)
        said.append(piece)
        task = asyncio.create_task(say(world, sender, piece))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        if number % 40 == 0:
            change_one(world, said, chance)
    await asyncio.gather(*waiting)


def change_one(world: World, said: list[Piece], chance: Random) -> None:
    """Edit or delete one of the older statuses, as people do."""
    # What happens to older ones while nobody listens, Mastodon tells nobody afterwards; docs/sources/mastodon.md gives the bound.
    candidates = [piece for piece in said[-160:] if piece.native and not piece.deleted and time.time() - piece.written > 1]
    if not candidates:
        return
    piece = chance.choice(candidates)
    if chance.random() < 0.5:
        world.mastodon.edit(piece.native, f"{piece.text} (corrected)", int(time.time() * 1000))
        piece.edited = True
    else:
        world.mastodon.delete(piece.native)
        piece.deleted = True


async def restart_each(stack: Stack, disturbances: Disturbances) -> None:
    """Restart every service once, politely, and kill the feeds worker in addition."""
    for name, kill in [*((name, False) for name in stack.services), ("feeds", True)]:
        began = time.time()
        seconds = await asyncio.to_thread(restart_in_thread, stack, name, kill=kill)
        disturbances.back_s[f"{name} killed" if kill else name] = round(seconds, 2)
        disturbances.spans.append((began - 0.2, time.time() + CATCH_UP_S))
        await asyncio.sleep(RESTART_PAUSE_S)


def restart_in_thread(stack: Stack, name: str, *, kill: bool) -> float:
    """Restart a service; see Stack.restart."""
    return stack.restart(name, kill=kill)
