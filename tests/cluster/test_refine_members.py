"""Several refine workers: one that was frozen writes what is over, and the owner's word is the last all the same."""

import asyncio

import pytest

from tests.cluster.members import SESSION_S
from tests.cluster.raw import raw

BACKLOG = 6000
ATTEMPTS = 4

pytestmark = pytest.mark.timeout(600)


async def test_what_a_frozen_worker_writes_when_it_goes_on_is_repaired(cluster, raw_log):
    """It stands still with a batch in hand; another takes its partitions and folds newer versions; it goes on and writes the old ones.

    At what moment it is frozen is chance, so it is frozen until something late was written.
    """
    frozen, owner = cluster.add_refine("refine-0"), cluster.add_refine("refine-1")
    cluster.start(frozen, owner)
    for attempt in range(ATTEMPTS):
        numbers = range(attempt * BACKLOG, (attempt + 1) * BACKLOG)
        # Both stand still while the backlog is written; then they have full batches to work on.
        frozen.stop(), owner.stop()
        await raw_log.send(raw(number, 1) for number in numbers)
        watching = asyncio.ensure_future(raw_log.until_output_grew(BACKLOG // 20))
        await asyncio.sleep(0.5)
        frozen.go_on(), owner.go_on()
        await watching
        frozen.stop()
        await raw_log.send(raw(number, 2) for number in numbers)
        await asyncio.sleep(SESSION_S)
        await raw_log.until_refined()
        frozen.go_on()
        await asyncio.to_thread(frozen.wait_ready)
        await raw_log.until_exact()
        if hidden := hidden_winners(await raw_log.output()):
            print(f"\n{hidden} winners were hidden for a while, in attempt {attempt + 1}")  # noqa: T201 - of interest
            break
    else:
        pytest.fail("the frozen worker never had anything in hand")
    # What was repaired stays so, also for who reads everything back.
    owner.kill()
    await asyncio.sleep(SESSION_S)
    cluster.start(owner)
    await raw_log.until_exact()


def hidden_winners(output):
    """Return how many activities have an older state behind their newest one."""
    newest, hidden = {}, set()
    for activity in output:
        if activity.version < newest.get(activity.id, 0):
            hidden.add(activity.id)
        newest[activity.id] = max(newest.get(activity.id, 0), activity.version)
    return len(hidden)
