"""What the commands about rankings ask of the feeds service, and what they print."""

import shlex
from concurrent import futures

import grpc
import pytest
from google.protobuf import message_factory
from sluice.activity.v1 import preference_pb2
from sluice.feed.v1 import feed_service_pb2
from sluice.feed.v1 import ranking_service_pb2 as pb
from typer.testing import CliRunner

from services.cli import calls, feed_commands, ranking_commands
from services.cli.__main__ import app
from services.runtime.token_issuer import EmbeddedIssuer

ID = "2f1c0a54d7e96b38a1c5f0e2b4d69788"
FOR_YOU, NEWEST = preference_pb2.ORDER_FOR_YOU, preference_pb2.ORDER_NEWEST


class Feeds:
    """Answers every method with what `answers` says, and remembers what was asked."""

    def __init__(self):
        self.asked = []
        self.answers = {}
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        for file in (feed_service_pb2, pb):
            for service in file.DESCRIPTOR.services_by_name.values():
                handlers = {method.name: self._handler(method) for method in service.methods}
                self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _handler(self, method):
        response = message_factory.GetMessageClass(method.output_type)

        def answer(request, context):
            self.asked.append(request)
            if isinstance(refused := self.answers.get(method.name), str):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, refused)
            return refused or response()

        request = message_factory.GetMessageClass(method.input_type)
        return grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=request.FromString, response_serializer=response.SerializeToString
        )

    def stop(self):
        self._server.stop(None)


@pytest.fixture
def feeds():
    feeds = Feeds()
    yield feeds
    feeds.stop()


@pytest.fixture
def sluice(feeds, tmp_path, monkeypatch):
    """Return what runs the command and gives its exit code and output."""
    EmbeddedIssuer.in_folder(tmp_path).ensure_key()
    monkeypatch.setenv("SLUICE_PEERS__FEEDS", f"127.0.0.1:{feeds.port}")
    monkeypatch.setenv("SLUICE_DATA_DIR", str(tmp_path))

    def run(line, code=0):
        result = CliRunner().invoke(app, shlex.split(line))
        assert result.exit_code == code, result.output
        return result.output

    # The console keeps the standard output that it found at import.
    for console in (calls.out, calls.err):
        monkeypatch.setattr(console, "_file", None)
    for module in (ranking_commands, feed_commands):
        monkeypatch.setattr(module, "out", calls.out)
    return run


def test_the_order_of_a_feed_is_asked_for(feeds, sluice):
    sluice("feed --order for-you")
    sluice("feed --order newest")
    sluice("feed")
    assert [request.order for request in feeds.asked] == [FOR_YOU, NEWEST, preference_pb2.ORDER_UNSPECIFIED]


def test_a_ranking_is_saved_checked_and_reset(feeds, sluice):
    """Setting ranks from now on unless told otherwise, and keeps an expression that isn't given; checking saves nothing."""
    feeds.answers["SetRanking"] = pb.SetRankingResponse(ranking=pb.Ranking(order=FOR_YOU, expression="likes [x]"))
    assert "by your ranking" in sluice("ranking set 'likes'")
    feeds.answers["GetRanking"] = pb.GetRankingResponse(ranking=pb.Ranking(expression="likes"))
    sluice("ranking set --order newest")
    sluice("ranking set ''")
    assert "well formed" in sluice("ranking check 'likes * 2'")
    sluice("ranking reset")
    assert feeds.asked == [
        pb.SetRankingRequest(order=FOR_YOU, expression="likes"),
        pb.GetRankingRequest(),
        pb.SetRankingRequest(order=NEWEST, expression="likes"),
        pb.SetRankingRequest(order=FOR_YOU),
        pb.SetRankingRequest(expression="likes * 2", check_only=True),
        pb.ResetInterestRequest(),
    ]


def test_a_refused_expression_is_shown_with_its_place(feeds, sluice):
    feeds.answers["SetRanking"] = "line 1, column 1: there is no signal z\n  z\n  ^"
    assert "no signal z\n  z\n  ^" in sluice("ranking check z", code=1)


def test_a_ranking_is_shown(feeds, sluice):
    feeds.answers["GetRanking"] = pb.GetRankingResponse(
        ranking=pb.Ranking(order=NEWEST, expression="likes", is_default=True),
        interest=[pb.Weight(name="tag:kafka", weight=1.5)],
        reactions=3,
        signals=[pb.SignalDescription(name="likes", type="number", meaning="how many like it")],
    )
    shown = sluice("ranking show")
    for part in ("newest first", "everybody begins with it", "from 3 reactions", "1.50  tag:kafka", "how many like it"):
        assert part in shown
    assert '"reactions":3' in sluice("ranking show --json").replace(" ", "")


def test_an_entry_is_explained(feeds, sluice):
    """Reasons, value, signals and interest."""
    feeds.answers["ExplainEntry"] = pb.ExplainEntryResponse(
        reasons=[pb.Reason(kind=pb.Reason.KIND_FOLLOWS, name="person:ben"), pb.Reason(kind=pb.Reason.KIND_OWN)],
        expression="likes",
        score=2.5,
        signals=[
            pb.SignalValue(name="likes", number=2.5, is_used=True),
            pb.SignalValue(name="is_read", flag=False),
            pb.SignalValue(name="source", text="rss"),
        ],
        interest=[pb.Weight(name="tag:x", weight=0.5)],
    )
    shown = sluice(f"explain {ID} --expression likes")
    for part in (
        "you follow person:ben",
        "you did it",
        "likes = 2.5",
        "is_read       false",
        '"rss"',
        "interest +0.50 for tag:x",
    ):
        assert part in shown
    assert feeds.asked == [pb.ExplainEntryRequest(activity_id=ID, expression="likes")]
    assert '"score"' in sluice(f"explain {ID} --json")
