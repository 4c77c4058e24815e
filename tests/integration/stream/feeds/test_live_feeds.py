"""WatchFeed over gRPC, from the real worker on a real broker."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from sluice.feed.v1 import feed_service_pb2 as pb

from services.runtime.metrics import FEEDS_WATCH_ENDED
from services.runtime.settings import WatchSettings

SECONDS = 15.0


class Listening:
    """A client of one stream: applies what it hears. texts: newest first."""

    def __init__(self, stream):
        self.stream = stream
        self.entries = {}
        self.cursor = ""
        self.messages = []

    async def take(self):
        """Take the next message; return it, None where the stream ended."""
        message = await asyncio.wait_for(self.stream.read(), SECONDS)
        if message is grpc.aio.EOF:
            return None
        self.messages.append(message)
        if message.reset:
            self.entries = {}
        for event in message.events:
            which = event.WhichOneof("event")
            if which == "removed_id":
                del self.entries[event.removed_id]
            elif which != "counted":
                entry = getattr(event, which)
                self.entries[entry.activity.id] = entry
        self.cursor = message.cursor or self.cursor
        return message

    async def until(self, texts):
        while self.texts != texts:
            assert await self.take() is not None, self.texts

    @property
    def texts(self):
        ordered = sorted(self.entries.values(), key=lambda entry: (entry.activity.sort_time_ms, entry.activity.id), reverse=True)
        return [entry.activity.text for entry in ordered]


def watch(caller, **fields):
    return Listening(caller.feeds.WatchFeed(pb.WatchFeedRequest(**fields), metadata=caller._metadata))


async def reason_of(stream):
    """Return the code and the reason with which a stream ends."""
    status = await rpc_status.aio.from_call(stream)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return await stream.code(), info.reason


async def test_a_feed_moves_while_one_looks(house):
    """What is written, edited, marked and followed comes by itself, whole, and is what GetFeed shows."""
    await house.publish(house.activity("ben", "before"))
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        listening = watch(anna)
        await listening.until(["before"])
        post = house.activity("ben", "while she watches")
        await house.publish(post)
        await listening.until(["while she watches", "before"])
        await anna.call(anna.feeds.Save, pb.SaveRequest(activity_ids=[post.id]))
        while not listening.entries[post.id].viewer_state.saved:
            await listening.take()
        await house.publish(post.as_deleted(9))
        await listening.until(["before"])
        await house.publish(house.activity("carl", "of somebody new"))
        await anna.relate("Follow", object="person:carl")
        await listening.until(["of somebody new", "before"])
        await anna.relate("Mute", object="person:ben")
        await listening.until(["of somebody new"])
        assert listening.texts == await anna.texts()


async def test_a_stream_survives_its_worker(house):
    """The worker that shuts down says so; the next one goes on from the cursor, without a gap, a repetition or a snapshot."""
    async with house.calling("anna") as anna:
        async with house.working():
            await anna.relate("Follow", object="person:ben")
            listening = watch(anna)
            await listening.take()
            await house.publish(house.activity("ben", "heard"))
            await listening.until(["heard"])
        while (last := await listening.take()) is not None:
            assert last.reconnect
        assert await listening.stream.code() is grpc.StatusCode.OK
    await house.publish(house.activity("ben", "while nobody was there"))
    # The next worker begins at what the index shows, and a little before.
    await house.index.catch_up(house.send)
    async with house.working(), house.calling("anna") as anna:
        again = watch(anna, cursor=listening.cursor)
        message = await again.take()
        assert not message.reset
        assert [event.added.activity.text for event in message.events if event.HasField("added")] == ["while nobody was there"]
        assert not any(event.HasField("edited") or event.HasField("removed_id") for event in message.events)


async def test_a_stream_survives_kill_9(house):
    """No last message, no drain: from the newest cursor on, everything is told that came while the worker was dead, once."""
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
            kept, gone = house.activity("ben", "kept"), house.activity("ben", "taken back meanwhile")
            await house.publish(kept, gone)
            listening = watch(anna)
            await listening.until(["taken back meanwhile", "kept"])
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
            with pytest.raises(grpc.aio.AioRpcError):
                await listening.take()
        await house.publish(gone.as_deleted(9), house.activity("ben", "meanwhile"))
        process = start()
        await house.until_serving()
        async with house.calling("anna") as anna:
            again = watch(anna, cursor=listening.cursor)
            again.entries = listening.entries
            await again.take()
            assert not again.messages[0].reset
            assert again.texts == ["meanwhile", "kept"] == await anna.texts()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


async def test_who_reads_too_slowly_hears_so(house):
    """Nothing is kept for her without end, and nothing is left out in silence: an error with details, then on from the cursor."""
    house.settings = house.settings.model_copy(update={"watch": WatchSettings(room=20)})
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        listening = watch(anna)
        await listening.take()
        stuck, large, begun = asyncio.Event(), "x" * 60_000, time.monotonic()

        async def flood():
            count = 0
            while not stuck.is_set():
                assert time.monotonic() < begun + SECONDS
                await house.publish(house.activity("ben", f"{count} {large}"))
                count += 1

        flooding = asyncio.create_task(flood())
        await ended("too-slow")
        stuck.set()
        await flooding
        with pytest.raises(grpc.aio.AioRpcError):
            await listening.until(["never"])
        assert await reason_of(listening.stream) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "CONSUMER_TOO_SLOW")


async def ended(reason):
    """Wait until a stream has ended for a reason, on the server's side: the worker runs in this process."""
    deadline = time.monotonic() + SECONDS
    while not FEEDS_WATCH_ENDED.labels(reason)._value.get():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_cursor_from_before_the_beginning_is_too_old(house):
    """OUT_OF_RANGE with its reason: the client begins anew."""
    house.settings = house.settings.model_copy(update={"watch": WatchSettings(arrivals=1)})
    async with house.working(), house.calling("anna") as anna:
        listening = watch(anna)
        await listening.take()
    await house.publish(*[house.activity("ben", str(n)) for n in range(20)])
    await house.index.catch_up(house.send)
    async with house.working(), house.calling("anna") as anna:
        again = watch(anna, cursor=listening.cursor)
        with pytest.raises(grpc.aio.AioRpcError):
            await again.take()
        assert await reason_of(again.stream) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_TOO_OLD")
        fresh = watch(anna)
        assert (await fresh.take()).reset
