"""The RSS connector against a web server that knows conditional requests."""

import asyncio
import hashlib
from dataclasses import replace

import pytest
from aiohttp import web

from services.ingest.source import SourceConfig
from services.ingest.sources.rss.connector import FeedGone, RssConnector
from services.runtime.fetch_errors import UnexpectedStatus
from tests.integration.ingest.sources.recorded_deliveries import ConnectedSource, KafkaIsAway, RecordedDeliveries

ITEM = "<item><guid>{0}</guid><title>{1}</title></item>"


class FeedServer:
    """Serves a feed whose items the test sets; answers `status` instead where it is set."""

    def __init__(self):
        self.items = {}
        self.asked = []
        self.status = 0
        self.headers = {}
        self.body = None

    def routes(self):
        return [web.get("/feed", self._feed), web.get("/old", self._old)]

    async def _old(self, request):
        raise web.HTTPMovedPermanently("/feed")

    async def _feed(self, request):
        self.asked.append(dict(request.headers))
        if self.status:
            return web.Response(status=self.status, headers=self.headers)
        items = "".join(ITEM.format(*item) for item in reversed(self.items.items()))
        body = self.body or f"<rss version='2.0'><channel><title>T</title>{items}</channel></rss>".encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:8]}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.Response(body=body, headers={"ETag": etag, "Content-Type": "application/rss+xml"})


class Pauses:
    """Stands for sleep: the connector waits until the test lets it go on."""

    def __init__(self):
        self.asked = []
        self._next = asyncio.Semaphore(0)

    async def sleep(self, seconds):
        self.asked.append(seconds)
        await self._next.acquire()

    def over(self):
        self._next.release()


@pytest.fixture
def pauses():
    return Pauses()


@pytest.fixture
def feed():
    return FeedServer()


@pytest.fixture
def deliveries():
    return RecordedDeliveries()


@pytest.fixture
async def config(serve, feed):
    base = await serve(feed.routes())
    return SourceConfig(id="blog", kind="rss", url=f"{base}/feed", instance="blog.example", secret="token", interval_s=60)


@pytest.fixture
def source(config, deliveries, http, pauses):
    """The connector on the feed; its sleeps end when the test says so."""
    connector = RssConnector(now_s=lambda: 0.0, chance=lambda: 0.0, sleep=pauses.sleep)
    return ConnectedSource(connector, config, deliveries, http)


async def test_the_entries_come_oldest_first_and_once(source, feed, deliveries, pauses):
    """The second poll is answered with 304, the third only brings what is new or changed."""
    feed.items = {"1": "one", "2": "two"}
    async with source.running():
        await deliveries.until(lambda told: len(told.mapped) == 1)
        assert deliveries.native_ids == ["1", "2"]
        pauses.over()
        await deliveries.until(lambda told: len(told.mapped) == 2)
        feed.items |= {"1": "one, edited", "3": "three"}
        pauses.over()
        await deliveries.until(lambda told: len(told.mapped) == 3)
    assert deliveries.native_ids == ["1", "2", "1", "3"]
    assert deliveries.mapped[1].activities == ()
    assert "If-None-Match" in feed.asked[1]
    assert feed.asked[0]["Authorization"] == "Bearer token"


async def test_a_restart_goes_on_from_the_cursor(source, feed, deliveries):
    feed.items = {"1": "one"}
    async with source.running():
        await deliveries.until(lambda told: len(told.mapped) == 1)
    feed.items["2"] = "two"
    async with source.running():
        await deliveries.until(lambda told: len(told.mapped) == 2)
    assert deliveries.native_ids == ["1", "2"]


async def test_what_kafka_did_not_take_comes_again(source, feed, deliveries):
    """The cursor must never run ahead."""
    feed.items = {"1": "one"}
    deliveries.fail = True
    with pytest.raises(KafkaIsAway):
        await source.run()
    deliveries.fail = False
    async with source.running():
        await deliveries.until(lambda told: told.native_ids == ["1"])


async def test_a_permanent_redirect_is_remembered(source, deliveries):
    new_url = source.config.url
    source.config = replace(source.config, url=new_url.replace("/feed", "/old"))
    async with source.running():
        await deliveries.until(lambda told: len(told.mapped) == 1)
    assert deliveries.cursor["url"] == new_url


@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_asks_to_wait_is_waited_for(source, feed, status):
    feed.status, feed.headers = status, {"Retry-After": "120"}
    with pytest.raises(UnexpectedStatus) as refused:
        await source.run()
    assert (refused.value.reason, refused.value.retry_after_s) == (f"http-{status}", 120.0)


async def test_a_feed_that_is_gone_is_asked_once_a_day(source, feed):
    feed.status = 410
    with pytest.raises(FeedGone) as gone:
        await source.run()
    assert gone.value.retry_after_s > 80_000


async def test_a_page_in_place_of_the_feed_is_a_rejection_and_polling_goes_on(source, feed, deliveries, pauses):
    feed.body = b"<html><head><title>Sign in</title></head></html>"
    async with source.running():
        await deliveries.until(lambda told: len(told.mapped) == 1)
        assert [rejection.reason for rejection in deliveries.rejections] == ["not-a-feed"]
        feed.body, feed.items = None, {"1": "one"}
        pauses.over()
        await deliveries.until(lambda told: told.native_ids == ["1"])


async def test_the_pause_is_the_feeds_wish(source, feed, deliveries, pauses):
    feed.body = b"<rss version='2.0'><channel><title>T</title><ttl>10</ttl></channel></rss>"
    async with source.running():
        await deliveries.until(lambda told: len(told.mapped) == 1)
        pauses.over()
        await deliveries.until(lambda told: len(told.mapped) == 2)
    assert pauses.asked[0] == 600.0
