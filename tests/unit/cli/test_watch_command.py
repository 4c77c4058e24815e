"""`sluice watch` shows what a live feed says, and goes on where a stream ends."""

import json
from concurrent import futures

import grpc
import pytest
from sluice.activity.v1 import activity_pb2
from sluice.feed.v1 import counts_pb2, feed_entry_pb2, watch_pb2
from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceServicer, add_FeedServiceServicer_to_server
from typer.testing import CliRunner

from services.cli import calls, watch_command
from services.cli.__main__ import app
from services.runtime.token_issuer import EmbeddedIssuer


class Feeds(FeedServiceServicer):
    """Plays one script after the other: messages, and the code that the stream ends with."""

    def __init__(self):
        self.scripts = []
        self.asked = []

    def WatchFeed(self, request, context):  # noqa: N802 - named by the proto
        self.asked.append(request)
        messages, code = self.scripts.pop(0)
        yield from messages
        if code is not grpc.StatusCode.OK:
            context.abort(code, "as the script says")


@pytest.fixture
def feeds():
    feeds, server = Feeds(), grpc.server(futures.ThreadPoolExecutor(2))
    add_FeedServiceServicer_to_server(feeds, server)
    feeds.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield feeds
    server.stop(None)


@pytest.fixture
def sluice(feeds, tmp_path, monkeypatch):
    """Return what runs the command and gives its output and how it ended."""
    EmbeddedIssuer.in_folder(tmp_path).ensure_key()
    monkeypatch.setenv("SLUICE_PEERS__FEEDS", f"127.0.0.1:{feeds.port}")
    monkeypatch.setenv("SLUICE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(watch_command, "_PAUSE_S", 0)
    monkeypatch.setattr(calls.out, "_file", None)

    def run(line):
        result = CliRunner().invoke(app, line.split())
        return result.output, result.exit_code

    return run


def message(*events, **fields):
    return watch_pb2.WatchFeedResponse(events=events, **fields)


def added(text):
    return watch_pb2.WatchEvent(added=feed_entry_pb2.FeedEntry(activity=activity_pb2.Activity(id="f" * 32, text=text)))


def test_what_happens_is_shown_and_the_newest_stands_lowest(sluice, feeds):
    removed = watch_pb2.WatchEvent(removed_id="a" * 32)
    feeds.scripts = [
        ([message(added("newer"), added("older"), reset=True, cursor="1"), message(added("live"), removed)], grpc.StatusCode.OK)
    ]
    output, code = sluice("watch --as ben --limit 3 --tag #Kafka --count 4")
    assert code == 0
    assert output.index("older") < output.index("newer") < output.index("live") < output.index(f"removed {'a' * 32}")
    assert feeds.asked == [pb.WatchFeedRequest(page_size=3, filter=pb.FeedFilter(tags=["kafka"]))]


def test_what_is_on_an_entry_is_shown_as_it_comes(sluice, feeds):
    counted = watch_pb2.CountedEntry(activity_id="f" * 32, counts=counts_pb2.Counts(likes=2, comments=1))
    event = watch_pb2.WatchEvent(counted=counted)
    feeds.scripts = [([message(added("liked"), reset=True, cursor="1"), message(event)], grpc.StatusCode.OK)]
    output, _ = sluice("watch --count 2")
    assert f"{'f' * 32}  2 likes, 1 comment" in output


def test_a_program_gets_one_line_for_each_event(sluice, feeds):
    feeds.scripts = [([message(added("newer"), added("older"), reset=True, cursor="1")], grpc.StatusCode.OK)]
    output, _ = sluice("watch --json --count 2")
    assert [json.loads(line)["added"]["activity"]["text"] for line in output.splitlines()] == ["newer", "older"]


@pytest.mark.parametrize("code", [grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_it_goes_on_with_the_newest_cursor(sluice, feeds, code):
    """Where a stream ends in good order, its worker goes away, or the terminal was too slow."""
    feeds.scripts = [
        ([message(added("one"), reset=True, cursor="1"), message(reconnect=code is grpc.StatusCode.OK)], code),
        ([message(added("two"), cursor="2")], grpc.StatusCode.OK),
    ]
    output, exit_code = sluice("watch --count 2")
    assert (exit_code, [request.cursor for request in feeds.asked]) == (0, ["", "1"])
    assert "two" in output


def test_it_begins_anew_where_its_cursor_is_too_old(sluice, feeds):
    feeds.scripts = [
        ([message(reset=True, cursor="1")], grpc.StatusCode.UNAVAILABLE),
        ([], grpc.StatusCode.OUT_OF_RANGE),
        ([message(added("fresh"), reset=True, cursor="9")], grpc.StatusCode.OK),
    ]
    output, exit_code = sluice("watch --count 1")
    assert (exit_code, [request.cursor for request in feeds.asked]) == (0, ["", "1", ""])
    assert "fresh" in output


def test_a_refusal_is_told(sluice, feeds):
    feeds.scripts = [([], grpc.StatusCode.PERMISSION_DENIED)]
    output, exit_code = sluice("watch")
    assert exit_code == 1
    assert "PERMISSION_DENIED: as the script says" in output
