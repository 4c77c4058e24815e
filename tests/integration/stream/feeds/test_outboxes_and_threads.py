"""Outboxes and conversations on a real broker: from the index and from what it doesn't show yet, for each caller as she may see them."""

import asyncio
import time
from dataclasses import replace

import grpc
import pytest
from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1 import thread_pb2

from services.contracts.activity import Audience, Object, Scope, Verb

GROUP = Audience(Scope.GROUP, groups=("group:g",))


async def refused(awaitable):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    return caught.value.code().name


async def thread(caller, activity, **fields):
    return await caller.call(caller.feeds.GetThread, thread_pb2.GetThreadRequest(activity_id=activity.id, **fields))


def told(answer):
    """Return ancestors (None for a gap), then replies by depth."""
    ancestors = [None if each.gap else each.entry.activity.text for each in answer.ancestors]
    return ancestors, [(reply.depth, reply.entry.activity.text) for reply in answer.replies]


async def until(look, expected):
    """Look again and again; a worker that doesn't come to it in time fails the test."""
    deadline = time.monotonic() + 10
    while (seen := await look()) != expected:
        assert time.monotonic() < deadline, seen
        await asyncio.sleep(0.01)


async def test_an_outbox_is_all_accounts_of_a_person_page_by_page(house):
    """Nobody follows her; half of it is in the index only. Each caller pages through what she may read."""
    posts = [
        house.activity("ben" if number % 2 else "ben@x", f"{number}", **({"audience": GROUP} if number % 3 == 0 else {}))
        for number in range(30)
    ]
    await house.publish(*posts[:20])
    await house.index.catch_up(house.send)
    await house.publish(*posts[20:], house.activity("carl", "another's"))
    asked = {"feed": pb.FEED_KIND_OUTBOX, "of": "person:ben"}
    async with house.working(), house.calling("anna") as anna, house.calling("gina") as gina:
        async with house.calling("root", roles=["admin"]) as root:
            await root.relate("LinkAccount", account="person:ben@x", person="person:ben")
            await root.relate("Join", user="person:gina", group="group:g")
        everything = [f"{number}" for number in range(29, -1, -1)]
        for caller, expected in ((anna, [text for text in everything if int(text) % 3]), (gina, everything)):
            shown, page = [], await caller.feed(page_size=4, **asked)
            while page.next_page_token:
                assert len(page.entries) == 4
                shown += [entry.activity.text for entry in page.entries]
                page = await caller.feed(page_size=4, page_token=page.next_page_token, **asked)
            assert shown + [entry.activity.text for entry in page.entries] == expected
        assert await anna.texts() == []
        assert await anna.texts(feed=pb.FEED_KIND_OUTBOX) == []
        await house.publish(replace(posts[28], text="edited"), posts[29].as_deleted(9))
        await until(lambda: anna.texts(page_size=2, **asked), ["edited", "26"])
        await anna.relate("Block", object="person:ben@x")
        assert await anna.texts(**asked) == []
        assert await refused(anna.feed(of="person:ben")) == "INVALID_ARGUMENT"
        page = await gina.feed(page_size=4, **asked)
        other = asked | {"of": "group:g"}
        assert await refused(gina.feed(page_size=4, page_token=page.next_page_token, **other)) == "INVALID_ARGUMENT"


async def test_a_conversation_is_told_to_each_as_she_may_see_it(house):
    """Across channels, by answers and by what they are about; half of it isn't indexed yet."""
    root = house.activity("ben", "root")
    closed = house.activity("gina", "closed", verb=Verb.COMMENT, in_reply_to=root.id, audience=GROUP)
    below = house.activity("dora", "below", verb=Verb.COMMENT, in_reply_to=closed.id, object=Object(activity_id=root.id))
    share = house.activity("carl", "share", verb=Verb.SHARE, object=Object(activity_id=root.id))
    late = house.activity("ben", "late", verb=Verb.COMMENT, in_reply_to=share.id)
    await house.publish(root, closed, share)
    await house.index.catch_up(house.send)
    await house.publish(below, late)
    async with house.working(), house.calling("anna") as anna, house.calling("gina") as gina:
        async with house.calling("root", roles=["admin"]) as admin:
            await admin.relate("Join", user="person:gina", group="group:g")
        whole = [(1, "closed"), (2, "below"), (1, "share"), (2, "late")]
        assert told(await thread(gina, root)) == ([], whole)
        assert told(await thread(anna, root)) == ([], [(1, "below"), (1, "share"), (2, "late")])
        assert told(await thread(anna, below)) == (["root", None], [])
        gap = (await thread(anna, below)).ancestors[1]
        assert gap == thread_pb2.ThreadAncestor(gap=True), "nothing is told of it"
        assert await refused(thread(anna, closed)) == "NOT_FOUND"
        shown, token = [], ""
        while True:
            page = await thread(gina, root, page_size=1, page_token=token)
            shown += told(page)[1]
            if not (token := page.next_page_token):
                break
            assert page.reply_count == 4
            assert await refused(thread(gina, share, page_token=token)) == "INVALID_ARGUMENT"
        assert shown == whole
        await house.publish(share.as_deleted(2), replace(below, text="edited"))

        async def now():
            return told(await thread(gina, root))

        await until(now, ([], [(1, "closed"), (2, "edited")]))
        assert told(await thread(gina, late))[0] == [None]
        house.index.answering = False
        assert await refused(thread(gina, root)) == "UNAVAILABLE"
