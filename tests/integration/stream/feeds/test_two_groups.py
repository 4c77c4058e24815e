"""Two replica groups: each keeps all users, and answers where the owner of a user in the other is away or behind."""

import asyncio
import copy
import time

import grpc
import pytest
from prometheus_client import REGISTRY

from services.runtime.embedded import free_port
from services.runtime.settings import FeedsSettings, GrpcSettings, OpsSettings, PeerSettings, Settings
from services.stream.feeds import worker as feeds_worker


@pytest.fixture
def groups(house):
    """Two houses over the same broker and index, each with the settings of a worker of its group."""
    ports = {"a": free_port(), "b": free_port()}
    fields = house.settings.model_dump(exclude_unset=True)
    houses = []
    for group, other in (("a", "b"), ("b", "a")):
        built = copy.copy(house)
        built.settings = Settings(
            **fields
            | {
                "grpc": GrpcSettings(port=ports[group]),
                "ops": OpsSettings(port=free_port()),
                "peers": PeerSettings(search=house.settings.peers.search, feeds_replica=f"127.0.0.1:{ports[other]}"),
                "feeds": FeedsSettings(capacity=10, stale_after_s=60.0, group=group),
                "data_dir": house.settings.data_dir,
            }
        )
        houses.append(built)
    return houses


def crossed():
    """Return how many calls went to the other group."""
    return REGISTRY.get_sample_value("sluice_feeds_forwarded_total", {"to": "other-group"}) or 0.0


async def until_connected(address, seconds=20.0):
    async with grpc.aio.insecure_channel(address) as channel:
        await asyncio.wait_for(channel.channel_ready(), seconds)


async def test_a_worker_that_has_no_users_yet_answers_through_the_other_group(groups):
    """From its first moment on: a starting worker refuses nobody, and nobody's read goes round in circles."""
    a, b = groups
    await a.publish(a.activity("ben", "by ben"))
    async with b.working():
        stop = asyncio.Event()
        starting = asyncio.create_task(feeds_worker.run(a.settings, stop))
        try:
            await until_connected(a.settings.grpc.address)
            before = crossed()
            async with a.calling("anna") as anna:
                await anna.relate("Follow", object="person:ben")
                assert await anna.texts() == ["by ben"]
            assert crossed() > before, "the worker was ready before it was asked"
        finally:
            stop.set()
            await asyncio.wait_for(starting, 30)


async def test_both_groups_come_to_show_the_same(groups):
    """What was written through one is read through the other a moment later: the log is the truth of both."""
    a, b = groups
    await a.publish(a.activity("ben", "by ben"), a.activity("carl", "by carl"))
    async with a.working(), b.working(), a.calling("anna") as at_a, b.calling("anna") as at_b:
        await at_a.relate("Follow", object="person:ben")
        assert await at_a.texts() == ["by ben"]
        await at_b.until_texts(["by ben"])
        await at_b.relate("Follow", object="person:carl")
        assert await at_b.texts() == ["by carl", "by ben"]
        await at_a.until_texts(["by carl", "by ben"])


async def test_a_change_through_the_second_group_undoes_one_that_it_has_not_applied(groups):
    """Follow here, Unfollow there at once: the log's last word is Unfollow, even where the Follow wasn't known yet."""
    a, b = groups
    await a.publish(a.activity("ben", "by ben"))
    async with a.working(), b.working(), a.calling("anna") as at_a, b.calling("anna") as at_b:
        for _ in range(20):
            await at_a.relate("Follow", object="person:ben")
            await at_b.relate("Unfollow", object="person:ben")
            assert await at_b.texts() == []
            await at_a.until_texts([])


async def test_a_block_holds_through_a_group_that_repeats_older_changes(groups):
    """Both groups write every edge at its object's side; the slower one's repetition must not lift a block for a moment."""
    a, b = groups
    await a.publish(a.activity("anna", "by anna"))
    async with a.working(), b.working(), a.calling("anna") as anna, a.calling("ben") as ben, b.calling("ben") as ben_at_b:
        await ben.relate("Follow", object="person:anna")
        for _ in range(5):
            await anna.relate("Block", object="person:ben")
            await anna.relate("Unblock", object="person:ben")
        await anna.relate("Block", object="person:ben")
        begun = time.monotonic()
        while time.monotonic() < begun + 1.0:
            assert await ben.texts() == []
        await ben_at_b.until_texts([])
