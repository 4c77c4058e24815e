"""The feeds worker on a real broker: what users do is in force when they hear so, and survives restarts."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import grpc
import pytest
from sluice.feed.v1.feed_service_pb2 import SaveRequest, UnsaveRequest

from services.contracts.activity import Audience, Object, Scope, Verb
from services.contracts.cloud_events import DLQ_ORIGIN
from services.contracts.partitions import partition_of
from services.contracts.topics import ACTIVITIES, FEEDS_DLQ, RELATIONS
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.records import Outgoing
from services.runtime.settings import FeedsSettings, Settings

OLD = 100


async def refused(awaitable):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    return caught.value.code().name


async def log_of(security, topic):
    records = []
    await bulk_read(security, await partitions_of(security, topic), lambda _, some: records.extend(some))
    return records


async def test_a_follow_shows_old_and_new_entries(house):
    """After Follow has answered the next page has what the followed wrote before; new posts come by themselves."""
    await house.publish(*[house.activity("ben", f"old {n}") for n in range(3)])
    await house.index.catch_up(house.send)
    await house.publish(house.activity("ben", "not indexed yet"))
    async with house.working(), house.calling("anna") as anna:
        assert await anna.texts() == []
        await anna.relate("Follow", object="person:ben")
        assert await anna.texts() == ["not indexed yet", "old 2", "old 1", "old 0"]
        await house.publish(house.activity("ben", "new"), house.activity("carl", "of a stranger"))
        await anna.until_texts(["new", "not indexed yet", "old 2", "old 1", "old 0"])
        await anna.relate("Unfollow", object="person:ben")
        assert await anna.texts() == []


async def test_changes_are_in_force_when_they_answer(house):
    """Mute, Leave and Join need no second look, and what is taken back comes back."""
    post = house.activity("ben", "in the group", audience=Audience(Scope.GROUP, groups=("group:g",)), tags=("x",))
    await house.publish(post)
    async with house.working(), house.calling("anna") as anna, house.calling("root", roles=["admin"]) as root:
        assert await refused(anna.relate("Join", user="person:anna", group="group:g")) == "PERMISSION_DENIED"
        await root.relate("Join", user="person:anna", group="group:g")
        assert await anna.texts() == ["in the group"]
        await anna.relate("Mute", object="tag:x")
        assert await anna.texts() == []
        await anna.relate("Unmute", object="tag:x")
        assert await anna.texts() == ["in the group"]
        await anna.relate("Leave", group="group:g")
        assert await anna.texts() == []


async def test_edits_and_deletes_reach_the_feed(house):
    """The last record of the log is what a feed shows, also when it closes what was open."""
    first, second = house.activity("ben", "one"), house.activity("ben", "two")
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        await house.publish(first, second)
        await anna.until_texts(["two", "one"])
        await house.publish(replace(first, text="one, edited"), second.as_deleted(2))
        await anna.until_texts(["one, edited"])
        await house.publish(replace(first, audience=Audience(Scope.DIRECT, recipients=("person:carl",))))
        await anna.until_texts([])


async def test_each_sees_exactly_theirs(house):
    """The employee, the member, the outsider and the recipient read one author's posts."""
    await house.publish(
        house.activity("ben", "public", scope=Scope.PUBLIC),
        house.activity("ben", "internal"),
        house.activity("ben", "group", audience=Audience(Scope.GROUP, groups=("group:g",))),
        house.activity("ben", "direct", audience=Audience(Scope.DIRECT, recipients=("person:dora",))),
    )
    async with house.working(), house.calling("root", roles=["admin"]) as root:
        for user, employee, expected in (
            ("out", False, ["public"]),
            ("anna", True, ["internal", "public"]),
            ("dora", True, ["direct", "internal", "public"]),
            ("gina", True, ["group", "internal", "public"]),
        ):
            async with house.calling(user, employee=employee) as caller:
                await caller.relate("Follow", object="person:ben")
                if user == "gina":
                    await root.relate("Join", user="person:gina", group="group:g")
                assert await caller.texts() == expected
                assert await refused(caller.feed(user="person:ben")) == "PERMISSION_DENIED"
        assert await root.texts(user="person:dora") == ["direct", "internal", "public"]


async def test_pages_go_on_beyond_the_timeline(house):
    """A timeline holds 10 entries here; the pages hold all 100, once, with and without what is only in the window."""
    posts = [house.activity("ben", f"{n}") for n in range(OLD)]
    await house.publish(*posts[: OLD - 5])
    await house.index.catch_up(house.send)
    await house.publish(*posts[OLD - 5 :])
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        shown, page = [], await anna.feed(page_size=7)
        await house.publish(house.activity("ben", "above"))
        await anna.until_texts(["above", *[f"{n}" for n in range(OLD - 1, OLD - 20, -1)]])
        while True:
            shown += [entry.activity.text for entry in page.entries]
            if not page.next_page_token:
                break
            page = await anna.feed(page_size=7, page_token=page.next_page_token)
            assert page.newer_count == 1
        assert shown == [f"{n}" for n in range(OLD - 1, -1, -1)]
        assert await refused(anna.feed(page_token="nonsense")) == "INVALID_ARGUMENT"


async def test_a_feed_without_history_is_partial_and_goes_on_later(house):
    """While the index is away the timeline is served and says that there is more."""
    await house.publish(*[house.activity("ben", f"{n}") for n in range(30)])
    await house.index.catch_up(house.send)
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        await anna.feed()
        house.index.answering = False
        page = await anna.feed(page_size=20)
        assert page.partial
        shown = [entry.activity.text for entry in page.entries]
        assert 0 < len(shown) < 20
        house.index.answering = True
        rest = await anna.feed(page_size=200, page_token=page.next_page_token)
        assert not rest.partial
        assert shown + [entry.activity.text for entry in rest.entries] == [f"{n}" for n in range(29, -1, -1)]


async def test_a_restart_shows_the_same_feed(house):
    """State is the log: relations, marks and likes are there again; what came meanwhile is too."""
    posts = [house.activity("ben", f"{n}") for n in range(5)]
    await house.publish(*posts)
    like = house.activity("anna", "", verb=Verb.LIKE, object=Object(activity_id=posts[2].id))
    await house.publish(like)
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        await anna.call(anna.feeds.Save, SaveRequest(activity_ids=[posts[1].id, posts[4].id]))
        await anna.call(anna.feeds.Unsave, UnsaveRequest(activity_ids=[posts[4].id]))
        before = await anna.feed()
        assert [entry.viewer_state.saved for entry in before.entries] == [False, False, False, True, False]
        assert [entry.viewer_state.liked for entry in before.entries] == [False, False, True, False, False]
    await house.index.catch_up(house.send)
    await house.publish(like.as_deleted(2))
    async with house.working(), house.calling("anna") as anna:
        after = await anna.feed()
        assert [entry.activity for entry in after.entries] == [entry.activity for entry in before.entries]
        assert [entry.viewer_state.saved for entry in after.entries] == [False, False, False, True, False]
        assert not any(entry.viewer_state.liked for entry in after.entries)


async def test_followers_are_listed_page_by_page(house):
    """The other side of the edges follows by itself; members of a group are listed to its members."""
    async with house.working(), house.calling("root", roles=["admin"]) as root, house.calling("out") as out:
        for number in range(5):
            async with house.calling(f"u{number}") as user:
                await user.relate("Follow", object="tag:x")
                await root.relate("Join", user=f"person:u{number}", group="group:g")
        deadline, names = time.monotonic() + 10, []
        while len(names) < 5:
            assert time.monotonic() < deadline
            names, token = [], ""
            while True:
                page = await out.relate("ListFollowers", object="tag:x", page_size=2, page_token=token)
                names += [relation.subject for relation in page.relations]
                if not (token := page.next_page_token):
                    break
        assert names == [f"person:u{number}" for number in range(5)]
        assert await refused(out.relate("ListFollowers", object="group:g", kind=2)) == "PERMISSION_DENIED"
        async with house.calling("u1") as member:
            listed = []
            while [relation.subject for relation in listed] != names:
                assert time.monotonic() < deadline
                listed = (await member.relate("ListFollowers", object="group:g", kind=2)).relations
            following = await member.relate("ListFollowing")
            assert [relation.object for relation in following.relations] == ["tag:x"]
            assert await refused(member.relate("ListFollowing", subject="person:u2")) == "PERMISSION_DENIED"


async def test_poison_goes_to_the_dead_letters_and_stops_nothing(house):
    """Bytes that are no activity or no relation are kept with their origin; the version that they hide is closed."""
    post = house.activity("ben", "was readable")
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        await house.publish(post)
        await anna.until_texts(["was readable"])
        await house.send(
            Outgoing(ACTIVITIES.name, post.id.encode(), b"\xff\xff", partition=partition_of(post.id, 4)),
            Outgoing(RELATIONS.name, b"no edge", b"x", partition=0),
        )
        await house.publish(house.activity("ben", "after"))
        await anna.until_texts(["after"])
        deadline = time.monotonic() + 10
        while len(letters := await log_of(house.security, FEEDS_DLQ.name)) < 2:
            assert time.monotonic() < deadline
        origins = sorted(dict(letter.headers)[DLQ_ORIGIN].decode().split("/")[0] for letter in letters)
        assert origins == [ACTIVITIES.name, RELATIONS.name]


async def test_an_index_that_went_back_costs_nothing(house):
    """When the index forgets its last moments the worker reads those records again."""
    await house.publish(*[house.activity("ben", f"{n}") for n in range(5)])
    async with house.working(), house.calling("anna") as anna, house.calling("carl") as carl:
        await anna.relate("Follow", object="person:ben")
        await carl.relate("Follow", object="person:ben")
        await house.index.catch_up(house.send)
        # Her timeline is built after the window has let them go, his after the index has.
        await anna.until_texts(["4", "3", "2", "1", "0"])
        await house.index.forget(house.send)
        await carl.until_serving_texts(["4", "3", "2", "1", "0"])
        await anna.until_serving_texts(["4", "3", "2", "1", "0"])


async def test_a_worker_that_hears_nothing_refuses_and_recovers(house):
    """Without the broker it can't know what was closed or deleted: better no feed than one that leaks."""
    fields = house.settings.model_dump(exclude_unset=True)
    house.settings = Settings(**fields | {"feeds": FeedsSettings(capacity=10, stale_after_s=3.0)})
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        await house.publish(house.activity("ben", "before"))
        await anna.until_serving_texts(["before"])
        await house.server.stop_async()
        deadline = time.monotonic() + 30
        while await anna.answered():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        await house.server.start_async()
        await house.publish(house.activity("ben", "after"))
        await anna.until_serving_texts(["after", "before"], 60)


async def test_a_killed_worker_is_back_within_ten_seconds(house):
    """A kill -9 loses nothing that was answered, and static membership spares the session timeout."""
    environment = os.environ | {
        "SLUICE_KAFKA__BOOTSTRAP_SERVERS": house.security.bootstrap,
        "SLUICE_GRPC__PORT": str(house.settings.grpc.port),
        "SLUICE_OPS__PORT": str(house.settings.ops.port),
        "SLUICE_PEERS__SEARCH": house.settings.peers.search,
        "SLUICE_DATA_DIR": str(house.settings.data_dir),
        "SLUICE_INSTANCE": "feeds-0",
        "SLUICE_SERVICE_TOKEN": house.settings.service_token.get_secret_value(),
    }

    def start():
        return subprocess.Popen([sys.executable, "-m", "services.stream", "--role", "feeds"], env=environment)

    process = start()
    try:
        await house.until_serving()
        async with house.calling("anna") as anna:
            await anna.relate("Follow", object="person:ben")
            await house.publish(house.activity("ben", "before"))
            await anna.until_texts(["before"])
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        await house.publish(house.activity("ben", "meanwhile"))
        process = start()
        seconds = await house.until_serving()
        async with house.calling("anna") as anna:
            assert await anna.texts() == ["meanwhile", "before"]
        assert seconds < 10, f"back after {seconds:.1f} s"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)
