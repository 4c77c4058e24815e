"""The guarded client against real sockets on the loopback interface."""

import asyncio
import gzip

import pytest
from aiohttp import web

from services.runtime.address_guard import AddressPolicy
from services.runtime.fetch_errors import (
    AddressRefused,
    BodyTooLarge,
    ConnectionFailed,
    FetchTimeout,
    NotAnEventStream,
    StreamEnded,
    TooManyRedirects,
    UnexpectedStatus,
)
from services.runtime.http_client import FetchLimits, GuardedClient

LOOPBACK = AddressPolicy.allowing(networks=["127.0.0.0/8"])


class Site:
    """A web server whose answers are set by the test; it remembers what it was asked."""

    def __init__(self):
        self.answers = {}
        self.asked = []

    async def handle(self, request):
        """Answer what the test has set."""
        self.asked.append((request.method, request.path, dict(request.headers)))
        answer = self.answers[request.path]
        return await answer(request) if callable(answer) else answer


@pytest.fixture
async def serve():
    runners = []

    async def start(host="127.0.0.1"):
        site = Site()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", site.handle)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        tcp = web.TCPSite(runner, host, 0)
        await tcp.start()
        runners.append(runner)
        site.port = runner.addresses[0][1]
        site.url = f"http://{host}:{site.port}"
        return site

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def client():
    async with GuardedClient(LOOPBACK, FetchLimits(connect_s=2, read_s=2, total_s=5)) as client:
        yield client


def redirect(status, location):
    async def answer(request):
        return web.Response(status=status, headers={"Location": location})

    return answer


async def test_the_loopback_is_refused_without_an_allowance(serve):
    """Also under a name that only resolves to it, and before anything is sent."""
    site = await serve()
    async with GuardedClient() as client:
        for url in (
            site.url,
            f"http://localhost:{site.port}/",
            f"http://2130706433:{site.port}/",
            f"http://[::ffff:127.0.0.1]:{site.port}/",
        ):
            with pytest.raises(AddressRefused):
                await client.get(url)
    assert site.asked == []


async def test_an_answer_comes_back_whole(serve, client):
    site = await serve()
    site.answers["/a"] = web.Response(body=b"text", headers={"ETag": '"1"'})
    answer = await client.get(f"{site.url}/a", {"Authorization": "Bearer synthetic"})
    assert (answer.status, answer.body, answer.headers["etag"], answer.url) == (200, b"text", '"1"', f"{site.url}/a")
    assert site.asked[0][2]["Authorization"] == "Bearer synthetic"
    assert answer.permanent_url == ""


async def test_a_permanent_redirect_is_followed_and_told(serve, client):
    site = await serve()
    site.answers = {"/a": redirect(301, "/b"), "/b": web.Response(body=b"here")}
    answer = await client.get(f"{site.url}/a")
    assert (answer.body, answer.permanent_url) == (b"here", f"{site.url}/b")


async def test_a_token_never_reaches_another_origin(serve, client):
    """Another port is another origin."""
    site, other = await serve(), await serve()
    site.answers["/a"] = redirect(307, f"{other.url}/b")
    other.answers["/b"] = web.Response(body=b"here")
    await client.get(f"{site.url}/a", {"Authorization": "Bearer synthetic", "Cookie": "a=b"})
    assert not {"Authorization", "Cookie"} & set(other.asked[0][2])


async def test_cookies_are_not_kept(serve, client):
    site = await serve()
    site.answers["/a"] = web.Response(headers={"Set-Cookie": "session=synthetic"})
    await client.get(f"{site.url}/a")
    site.answers["/a"] = web.Response()
    await client.get(f"{site.url}/a")
    assert "Cookie" not in site.asked[1][2]


async def test_redirects_have_an_end(serve, client):
    site = await serve()
    site.answers["/a"] = redirect(302, "/a")
    with pytest.raises(TooManyRedirects):
        await client.get(f"{site.url}/a")
    assert len(site.asked) == 6


async def test_a_redirect_to_an_address_that_is_not_allowed_is_refused(serve):
    site = await serve()
    site.answers["/a"] = redirect(302, f"http://127.0.0.2:{site.port}/b")
    async with GuardedClient(AddressPolicy.allowing(networks=["127.0.0.1/32"])) as client:
        with pytest.raises(AddressRefused):
            await client.get(f"{site.url}/a")
    assert len(site.asked) == 1


async def test_a_redirect_is_followed_from_inside_to_inside(serve, client):
    site, other = await serve(), await serve("127.0.0.2")
    site.answers["/a"] = redirect(302, f"{other.url}/b")
    other.answers["/b"] = web.Response(body=b"here")
    assert (await client.get(f"{site.url}/a")).body == b"here"


async def test_a_post_is_not_redirected(serve, client):
    site = await serve()
    site.answers["/a"] = redirect(307, "/b")
    answer = await client.post(f"{site.url}/a", b"body", {"Authorization": "Bearer synthetic"})
    assert answer.status == 307
    assert [path for _, path, _ in site.asked] == ["/a"]


async def test_a_bomb_is_stopped_at_the_limit(serve, client):
    site = await serve()
    site.answers["/a"] = web.Response(body=gzip.compress(b"\0" * 20_000_000), headers={"Content-Encoding": "gzip"})
    with pytest.raises(BodyTooLarge):
        await client.get(f"{site.url}/a", max_bytes=1_000_000)


async def test_a_server_that_trickles_is_given_up_after_the_total_time(serve):
    """Each byte comes in time, the whole never does."""
    site = await serve()
    gone = asyncio.Event()

    async def trickle(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while not gone.is_set():
            await response.write(b".")
            await asyncio.sleep(0.02)  # the slowness under test
        return response

    site.answers["/a"] = trickle
    async with GuardedClient(LOOPBACK, FetchLimits(read_s=2, total_s=0.3)) as client:
        with pytest.raises(FetchTimeout):
            await client.get(f"{site.url}/a")
    gone.set()


async def test_nobody_there_is_a_named_error(serve, client):
    site = await serve()
    with pytest.raises(ConnectionFailed):
        await client.get(f"http://127.0.0.3:{site.port}/")


async def test_events_arrive_one_by_one_until_the_server_ends_the_stream(serve, client):
    site = await serve()

    async def stream(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b":)\nevent: update\ndata: one\ndata: more\n\n:thump\nevent: delete\ndata: 5\n\n")
        return response

    site.answers["/s"] = stream
    async with client.events(f"{site.url}/s") as events:
        assert [(event.event, event.data) async for event in events] == [("update", "one\nmore"), ("delete", "5")]


async def test_a_silent_stream_is_given_up(serve, client):
    """A connection that died without a word looks like a channel where nobody writes; heartbeats tell them apart."""
    site = await serve()
    gone = asyncio.Event()

    async def silent(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await gone.wait()
        return response

    site.answers["/s"] = silent
    async with client.events(f"{site.url}/s", silence_s=0.2) as events:
        with pytest.raises(FetchTimeout):
            await anext(events)
    gone.set()


async def test_a_refused_stream_says_why_and_for_how_long(serve, client):
    site = await serve()
    site.answers["/s"] = web.Response(status=429, headers={"Retry-After": "7"})
    with pytest.raises(UnexpectedStatus) as refused:
        async with client.events(f"{site.url}/s"):
            raise AssertionError("not reached")
    assert (refused.value.reason, refused.value.retry_after_s) == ("http-429", 7.0)


async def test_a_page_is_no_event_stream(serve, client):
    site = await serve()
    site.answers["/s"] = web.Response(text="<html>", content_type="text/html")
    async with client.events(f"{site.url}/s") as events:
        with pytest.raises(NotAnEventStream):
            await anext(events)


def test_every_error_has_a_code_of_its_own():
    errors = (AddressRefused, BodyTooLarge, ConnectionFailed, FetchTimeout, NotAnEventStream, StreamEnded, TooManyRedirects)
    assert len({error.reason for error in errors}) == len(errors)
