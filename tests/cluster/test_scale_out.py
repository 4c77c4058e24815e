"""Feeds workers die, stand still, come and go under load: nobody is shown what she must not see, and in the end every feed is exact."""

import asyncio
import time

import pytest

from services.contracts.relations import RelationKind
from tests.cluster.judging import Phases, assert_exact, assert_nothing_wrong
from tests.cluster.load import USERS
from tests.cluster.members import SESSION_S

STOPPED_S = 60.0
STEADY_S = 5.0

pytestmark = pytest.mark.timeout(600)


async def test_feeds_stay_exact_while_workers_die_stand_still_come_and_go(cluster, load):
    """Three workers; one killed, one added, one stopped for a minute and continued, one that leaves; reads and writes all the time."""
    cluster.start(cluster.add_search())
    feeds = {name: cluster.add_feeds(name) for name in ("feeds-0", "feeds-1", "feeds-2", "feeds-3")}
    cluster.start(feeds["feeds-0"], feeds["feeds-1"], feeds["feeds-2"])
    load.start()
    phases = Phases(load)
    await asyncio.sleep(STEADY_S)
    await phases.settle("three workers")

    feeds["feeds-0"].kill()
    await asyncio.sleep(SESSION_S)
    await phases.settle("one killed")

    feeds["feeds-3"].start()
    await asyncio.to_thread(feeds["feeds-3"].wait_ready)
    await phases.settle("one joined")

    zombie = feeds["feeds-1"]
    zombie.stop()
    load.past.doubt(time.monotonic())
    await asyncio.sleep(STOPPED_S)
    # They wait in its socket: the first thing that it does is to answer what it no longer owns.
    asked = [asyncio.ensure_future(load.read(user, zombie, 30.0)) for user in USERS]
    for user in USERS[:8]:
        await load.relate(user, RelationKind.MUTES, "person:nobody", present=True)
    zombie.go_on()
    await asyncio.gather(*asked)
    await phases.settle("one stopped for a minute, and continued")

    assert await asyncio.to_thread(feeds["feeds-2"].terminate) == 0
    await asyncio.sleep(SESSION_S)
    await phases.settle("one left")

    await load.stop()
    assert_nothing_wrong(load)
    await assert_exact(load)
