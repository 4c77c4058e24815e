"""`make smoke`: a fresh stack in a temporary folder, and a count of what arrives.

More than 2,000 activities go through the four channels, every service is restarted once in between, and one JSON line comes last. Exit 0
only when nothing is lost, doubled or leaked and feeds are fast enough.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import grpc

from services.cli.bring_up import bring_up
from services.cli.connection import Caller
from services.cli.demo.company import OUTSIDERS, Company, build_company
from services.cli.demo.sources import CONNECTIONS_PASSWORD, CONNECTIONS_USER, WEBHOOK_SECRET, write_sources
from services.cli.demo.webhook_sender import WebhookSender
from services.cli.demo.world import World, serve
from services.cli.layout import choose_ports
from services.cli.seeding import seed_relations
from services.cli.stack import Stack
from services.contracts.relations import Relation, RelationKind
from services.runtime.settings import Settings
from services.runtime.settings_loading import load_settings
from tests.smoke.load import Disturbances, restart_each, speak
from tests.smoke.readers import Sightings, bearer, watch_feed, watch_search
from tests.smoke.report import compare_feeds, in_index, in_topic, percentile
from tests.smoke.writings import CHANNELS, Piece, pieces

RATE = 100.0
STEADY_S = 12.0
SETTLE_S = 60.0
LIMIT_MS = 1000.0
WATCHER = "smoke-watcher"


def progress(text: str) -> None:
    """Tell where we are; standard output is for the result."""
    print(text, file=sys.stderr, flush=True)


def started(home: Path) -> tuple[Stack, Settings, float]:
    """Start a fresh stack; return it, the settings of its clients, and the seconds until it was ready."""
    ports = choose_ports(home, any_free=True)
    settings = load_settings().model_copy(update={"data_dir": home})
    stack = Stack(settings, ports, home, write_sources(home, ports.demo, interval_s=0.3), say=progress)
    began = time.monotonic()
    try:
        here = bring_up(stack)
    except BaseException:
        stack.stop()
        raise
    return stack, here, time.monotonic() - began


def seed(settings: Settings, company: Company, *, admin: str) -> None:
    """Make the company's relations, and a watcher who sees everything but direct messages."""
    watcher = f"person:{WATCHER}"
    edges = [Relation(watcher, RelationKind.FOLLOWS, f"channel:{channel}") for channel in CHANNELS.values()]
    edges += [Relation(watcher, RelationKind.MEMBER_OF, f"group:{group}") for group in company.groups]
    with grpc.insecure_channel(settings.peers.feeds) as channel:
        seed_relations(channel, bearer(admin), [*company.relations(int(time.time() * 1000)), *edges])


async def run_load(
    stack: Stack, settings: Settings, company: Company, token: str
) -> tuple[list[Piece], Sightings, Sightings, Disturbances]:
    """Say, watch, restart, settle; return what was said and what was seen when."""
    world = World(company, Random(1), user=CONNECTIONS_USER, password=CONNECTIONS_PASSWORD)
    runner = await serve(world, "127.0.0.1", stack.ports.demo)
    sender = WebhookSender(f"http://127.0.0.1:{stack.ports.inbox}/inbox/app-events", WEBHOOK_SECRET)
    said: list[Piece] = []
    feeds, search, disturbances, stop = Sightings(), Sightings(), Disturbances(), asyncio.Event()
    async with (
        grpc.aio.insecure_channel(settings.peers.feeds) as feeds_channel,
        grpc.aio.insecure_channel(settings.peers.search) as search_channel,
    ):
        watchers = [
            asyncio.create_task(watch_feed(feeds_channel, token, feeds)),
            asyncio.create_task(watch_search(search_channel, token, search)),
        ]
        speaking = asyncio.create_task(speak(world, sender, pieces(company, Random(3)), said, rate=RATE, stop=stop))
        progress(f"  {RATE:.0f} activities/s for {STEADY_S:.0f} s")
        await asyncio.sleep(STEADY_S)
        progress("  restarting each service, and killing the feeds worker, under load")
        await restart_each(stack, disturbances)
        progress(f"  {RATE:.0f} activities/s for {STEADY_S:.0f} s")
        await asyncio.sleep(STEADY_S)
        stop.set()
        await speaking
        progress(f"  said {len(said)}; waiting until all has arrived")
        await settled(settings, said)
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
    await sender.close()
    await runner.cleanup()
    return said, feeds, search, disturbances


async def settled(settings: Settings, said: list[Piece]) -> None:
    """Wait until topic and index have what they must have, or until there is no more patience."""
    deadline = time.monotonic() + SETTLE_S
    expected = {piece.marker for piece in said if not piece.deleted}
    while time.monotonic() < deadline:
        live, _ = await in_topic(settings.kafka.bootstrap_servers)
        if set(live) == expected and await asyncio.to_thread(in_index, settings.elasticsearch.urls[0]) == len(expected):
            return
        await asyncio.sleep(0.5)


async def smoke(stack: Stack, settings: Settings, ready_s: float) -> dict[str, object]:
    """Run the load on a started stack; return the report."""
    idle_mib = sum(service.resident_bytes() for service in stack.services.values()) >> 20
    company = build_company()
    tokens = {user: Caller(user).bearer(settings) for user in (*company.people, *OUTSIDERS, WATCHER)}
    progress(f"  ready after {ready_s:.1f} s; seeding {len(company.people)} people")
    await asyncio.to_thread(seed, settings, company, admin=Caller("smoke", admin=True).bearer(settings))
    said, feeds, search, disturbances = await run_load(stack, settings, company, tokens[WATCHER])
    live, _ = await in_topic(settings.kafka.bootstrap_servers)
    expected = {piece.marker for piece in said if not piece.deleted}
    progress("  comparing everybody's feed with the reference")
    with grpc.insecure_channel(settings.peers.feeds) as channel:
        counts = await asyncio.to_thread(compare_feeds, channel, said, company, tokens)
    indexed = await asyncio.to_thread(in_index, settings.elasticsearch.urls[0])
    counts["duplicates"] += sum(count - 1 for count in live.values())
    counts["lost"] += len(expected - set(live)) + max(0, len(expected) - indexed)
    return {
        "published": len(said),
        "deleted": len(said) - len(expected),
        "in_topic": len(live),
        "in_index": indexed,
        **counts,
        "visible_ms": latency(feeds, disturbances),
        "searchable_ms": latency(search, disturbances),
        "ready_s": round(ready_s, 1),
        "back_s": disturbances.back_s,
        "services_mib": idle_mib,
    }


def latency(sightings: Sightings, disturbances: Disturbances) -> dict[str, float]:
    """Return percentiles from acceptance to the first sight, outside the restarts, in milliseconds."""
    waits = [
        seen - sightings.accepted[marker]
        for marker, seen in sightings.seen.items()
        if disturbances.undisturbed(sightings.accepted[marker])
    ]
    return {"p50": percentile(waits, 0.5), "p99": percentile(waits, 0.99), "measured": len(waits)}


def passed(report: dict[str, object]) -> bool:
    """Return whether the report is what the project promises."""
    visible = report["visible_ms"]
    assert isinstance(visible, dict)
    whole = report["published"] == report["in_topic"] + report["deleted"] and report["in_topic"] == report["in_index"]
    clean = not any(report[name] for name in ("duplicates", "lost", "leaks", "unexpected"))
    exact = report["feed_entries_expected"] == report["feed_entries_found"]
    return bool(
        whole and clean and exact and report["published"] >= 2000 and 0 < visible["p99"] < LIMIT_MS and visible["measured"] > 500
    )


def main() -> None:
    """Run in a temporary folder; keep it when something failed."""
    home = Path(tempfile.mkdtemp(prefix="sluice-smoke-"))
    # Started outside of the loop: the servers live as long as the thread that started them.
    stack, settings, ready_s = started(home)
    try:
        report = asyncio.run(smoke(stack, settings, ready_s))
    finally:
        stack.stop()
    good = passed(report)
    progress("" if good else f"  the logs are kept in {home / 'logs'}")
    if good:
        shutil.rmtree(home)
    print(json.dumps(report))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
