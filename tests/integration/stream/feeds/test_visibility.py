"""From the log to a feed that somebody reads: how long it takes while activities come all the time."""

import asyncio
import time

RATE = 100
SECONDS = 5
# Wide enough for a busy machine; the smoke test holds the promise of a second on a quiet one.
P50_SECONDS, P99_SECONDS = 0.25, 3.0


async def test_posts_are_visible_soon_at_a_hundred_a_second(house, record_testsuite_property):
    """Posts of one that everybody follows show in the feed of a reader who looks again and again."""
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        await anna.feed()
        written, seen = {}, {}

        async def write():
            begun = time.monotonic()
            for number in range(RATE * SECONDS):
                post = house.activity("ben", "", sort_time_ms=1_700_000_000_000 + number)
                await house.publish(post)
                written[post.id] = time.monotonic()
                await asyncio.sleep(max(0.0, begun + (number + 1) / RATE - time.monotonic()))

        writing = asyncio.create_task(write())
        deadline = time.monotonic() + SECONDS + 10
        while not (writing.done() and len(seen) == len(written)):
            assert time.monotonic() < deadline, f"{len(seen)} of {len(written)}"
            for entry in (await anna.feed(page_size=50)).entries:
                seen.setdefault(entry.activity.id, time.monotonic())
            await asyncio.sleep(0)
        delays = sorted(seen[activity] - written[activity] for activity in seen)
        p50, p99 = delays[len(delays) // 2], delays[int(len(delays) * 0.99)]
        record_testsuite_property("visible_ms", f"p50 {p50 * 1000:.0f}, p99 {p99 * 1000:.0f}")
        assert p50 < P50_SECONDS
        assert p99 < P99_SECONDS
