"""The Mastodon connector against an instance that streams, breaks off and is asked what was missed."""

import asyncio
import contextlib
import json
from dataclasses import replace

import pytest
from aiohttp import web

from services.ingest.source import SourceConfig
from services.ingest.sources.mastodon.connector import MastodonConnector
from services.runtime.fetch_errors import StreamEnded, UnexpectedStatus
from tests.integration.ingest.sources.mastodon_instance import BASE, MastodonInstance
from tests.integration.ingest.sources.recorded_deliveries import ConnectedSource, KafkaIsAway, RecordedDeliveries


def numbers(activities):
    return [int(activity.source.native_id) - BASE for activity in activities]


@pytest.fixture
def instance():
    return MastodonInstance()


@pytest.fixture
def deliveries():
    return RecordedDeliveries()


@pytest.fixture
async def source(serve, instance, deliveries, http):
    base = await serve(instance.routes())
    config = SourceConfig(id="masto", kind="mastodon", url=base, instance="social.example", secret="token")
    yield ConnectedSource(MastodonConnector(), config, deliveries, http)
    instance.hang_up()


@contextlib.asynccontextmanager
async def streaming(source, instance):
    """Run until the block is over; the stream is open and what was missed is delivered."""
    before = len(source.deliveries.mapped)
    async with source.running() as task:
        await instance.until_streaming()
        await source.deliveries.until(lambda told: any(mapped.activities == () for mapped in told.mapped[before:]))
        yield task
    instance.hang_up()


async def test_a_new_timeline_begins_with_its_newest_statuses_oldest_first(source, instance, deliveries):
    for number in range(1, 101):
        instance.status(number)
    source.config = replace(source.config, options={"backfill": 60})
    async with streaming(source, instance):
        assert numbers(deliveries.activities) == list(range(21, 101))
    assert all(token == "Bearer token" for path, _, token in instance.asked if path != "/api/v2/instance")


async def test_statuses_edits_and_deletions_come_with_the_stream(source, instance, deliveries):
    async with streaming(source, instance):
        instance.add(1)
        instance.tell("status.update", json.dumps(instance.status(1, edited_at="2026-03-02T09:00:00Z")))
        instance.tell("delete", str(BASE + 1))
        await deliveries.until(lambda told: len(told.activities) == 3)
    first, edit, end = deliveries.activities
    assert first.source == edit.source == end.source
    assert edit.version > first.version
    assert end.deleted


async def test_what_was_missed_comes_first_and_nothing_is_lost(source, instance, deliveries):
    """More than a page was written while the stream was away."""
    async with streaming(source, instance):
        instance.add(1)
        await deliveries.until(lambda told: len(told.activities) == 1)
    for number in range(2, 103):
        instance.status(number)
    async with streaming(source, instance):
        instance.add(103)
        await deliveries.until(lambda told: numbers(told.activities)[-1] == 103)
    assert numbers(deliveries.activities) == list(range(1, 104))


async def test_what_comes_while_catching_up_is_not_lost(source, instance, deliveries):
    """Between opening the stream and the end of the catch-up both have to be right."""
    instance.status(1)
    async with streaming(source, instance):
        pass
    for number in range(2, 50):
        instance.status(number)
    late = iter(range(50, 60))

    def write_one():
        if (number := next(late, None)) is not None:
            instance.add(number)

    instance.before_page = write_one
    async with source.running():
        await deliveries.until(lambda told: 50 in numbers(told.activities))
    assert set(numbers(deliveries.activities)) >= set(range(1, 51))
    instance.hang_up()


async def test_edits_and_deletions_during_a_gap_are_found(source, instance, deliveries):
    async with streaming(source, instance):
        for number in range(1, 61):
            instance.add(number)
        await deliveries.until(lambda told: len(told.activities) == 60)
    instance.edit(5)
    instance.delete(7)
    instance.delete(60)
    async with streaming(source, instance):
        pass
    found = {
        (number, activity.deleted) for number, activity in zip(numbers(deliveries.activities), deliveries.activities, strict=True)
    }
    assert {(5, False), (7, True), (60, True)} <= found
    assert sorted(numbers(deliveries.activities[60:])) == [5, 7, 60]


async def test_a_late_status_under_a_lower_id_is_found(source, instance, deliveries):
    """A status of another instance gets the id of when it was written."""
    async with streaming(source, instance):
        instance.add(100)
        await deliveries.until(lambda told: len(told.activities) == 1)
    instance.status(50)
    async with streaming(source, instance):
        pass
    assert numbers(deliveries.activities) == [100, 50]


async def test_the_end_of_the_stream_is_an_error_that_a_restart_mends(source, instance, deliveries):
    async def until_it_ends():
        async with streaming(source, instance) as task:
            instance.hang_up()
            await asyncio.wait([task])

    with pytest.raises(StreamEnded):
        await until_it_ends()


async def test_what_kafka_did_not_take_comes_again(source, instance, deliveries):
    async def while_kafka_is_away():
        async with streaming(source, instance) as task:
            deliveries.fail = True
            instance.add(1)
            await asyncio.wait([task])

    with pytest.raises(KafkaIsAway):
        await while_kafka_is_away()
    deliveries.fail = False
    instance.hang_up()
    async with streaming(source, instance):
        assert numbers(deliveries.activities) == [1]


@pytest.mark.parametrize(
    ("headers", "wait_s"), [({"Retry-After": "30"}, 30.0), ({"X-RateLimit-Reset": "1970-01-01T00:01:40.000Z"}, 100.0)]
)
async def test_a_rate_limit_is_waited_for(source, instance, headers, wait_s):
    instance.refuse["/api/v1/timelines/public"] = lambda: web.Response(status=429, headers=headers)
    source.connector = MastodonConnector(now_s=lambda: 0.0)
    with pytest.raises(UnexpectedStatus) as refused:
        await source.run()
    assert (refused.value.reason, refused.value.retry_after_s) == ("http-429", wait_s)


async def test_an_instance_that_streams_to_nobody_is_polled(source, instance, deliveries):
    instance.refuse["/api/v1/streaming/public"] = lambda: web.Response(status=401)
    asked, go_on = [], asyncio.Semaphore(0)

    async def sleep(seconds):
        asked.append(seconds)
        await go_on.acquire()

    source.connector = MastodonConnector(sleep=sleep)
    instance.status(1)
    async with source.running():
        await deliveries.until(lambda told: numbers(told.activities) == [1])
        instance.status(2)
        go_on.release()
        await deliveries.until(lambda told: numbers(told.activities) == [1, 2])
    assert asked[0] == 60.0


async def test_the_stream_is_opened_where_the_instance_says_if_that_is_its_own_host(source, instance, deliveries):
    """A token must not follow an address that an answer names elsewhere."""
    named = {"configuration": {"urls": {"streaming": "wss://streaming.elsewhere.example"}}}
    instance.refuse["/api/v2/instance"] = lambda: web.json_response(named)
    async with streaming(source, instance):
        assert "/api/v1/streaming/public" in {path for path, _, _ in instance.asked}


async def test_notifications_are_followed_where_asked_for(source, instance, deliveries):
    """They have a cursor of their own, and say nothing of how far the timeline is read."""
    source.config = replace(source.config, options={"stream": "user", "notifications": True})
    follow = {"type": "follow", "created_at": "2026-03-02T08:00:00Z", "account": {"id": "2", "acct": "ben"}}
    instance.notifications = [{"id": "5", **follow}]
    async with streaming(source, instance):
        mention = {"id": "6", "type": "mention", "created_at": "2026-03-02T08:00:00Z", "account": follow["account"]}
        instance.tell("notification", json.dumps({**mention, "status": MastodonInstance().status(900)}))
        await deliveries.until(lambda told: len(told.activities) == 2)
    assert deliveries.cursor["last_notification_id"] == "6"
    assert deliveries.cursor["last_id"] == ""
    instance.notifications += [{"id": "7", **follow, "account": {"id": "3", "acct": "cleo"}}]
    async with streaming(source, instance):
        pass
    assert deliveries.cursor["last_notification_id"] == "7"
    assert deliveries.native_ids[-1] == "follow/3"


async def test_an_event_that_cannot_be_read_is_a_rejection_and_the_next_one_comes(source, instance, deliveries):
    async with streaming(source, instance):
        instance.tell("update", "{broken")
        instance.add(1)
        await deliveries.until(lambda told: len(told.activities) == 1)
    assert [rejection.reason for rejection in deliveries.rejections] == ["json-malformed"]
