"""What a reader's commands ask of the feeds service, and what they print."""

import re
import shlex
from concurrent import futures

import grpc
import pytest
from google.protobuf import message_factory
from sluice.activity.v1 import activity_pb2, relation_pb2
from sluice.feed.v1 import counts_pb2, feed_service_pb2, marks_pb2, reactions_pb2, relation_service_pb2, rollup_pb2, thread_pb2
from typer.testing import CliRunner

from services.cli import (
    account_commands,
    calls,
    counts_command,
    feed_commands,
    mark_commands,
    relation_commands,
    request_commands,
    thread_command,
)
from services.cli.__main__ import app
from services.runtime.token_issuer import EmbeddedIssuer

ID = "2f1c0a54d7e96b38a1c5f0e2b4d69788"


class Feeds:
    """Answers every method of both services with what `answers` says, and remembers what was asked and by whom."""

    def __init__(self):
        self.asked = []
        self.answers = {}
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        for file in (feed_service_pb2, relation_service_pb2):
            for service in file.DESCRIPTOR.services_by_name.values():
                handlers = {method.name: self._handler(method) for method in service.methods}
                self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _handler(self, method):
        response = message_factory.GetMessageClass(method.output_type)

        def answer(request, context):
            self.asked.append(request)
            self.metadata = dict(context.invocation_metadata())
            return self.answers.get(method.name, response())

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
    """Return what runs the command and gives its output; it must succeed."""
    EmbeddedIssuer.in_folder(tmp_path).ensure_key()
    monkeypatch.setenv("SLUICE_PEERS__FEEDS", f"127.0.0.1:{feeds.port}")
    monkeypatch.setenv("SLUICE_DATA_DIR", str(tmp_path))

    def run(line):
        result = CliRunner().invoke(app, shlex.split(line))
        assert result.exit_code == 0, result.output
        return result.output

    # The console keeps the standard output that it found at import.
    monkeypatch.setattr(calls.out, "_file", None)
    return run


def examples():
    """Return the lines that the help texts of the commands give as examples."""
    found = []
    modules = (
        feed_commands,
        mark_commands,
        relation_commands,
        request_commands,
        account_commands,
        thread_command,
        counts_command,
    )
    commands = [value for module in modules for value in vars(module).values()]
    for command in commands:
        if callable(command) and (text := getattr(command, "__doc__", None)):
            found += re.findall(r"^    (sluice .*)$", text, re.MULTILINE)
    return found


def test_every_kind_of_command_has_examples():
    """A search that finds nothing would let everything pass."""
    words = [example.split() for example in examples()]
    firsts = {example[1] for example in words}
    assert {
        "feed",
        "read",
        "seen",
        "react",
        "follow",
        "mute",
        "block",
        "followers",
        "requests",
        "account",
        "thread",
        "counts",
    } <= firsts
    seconds = {(example[1], example[2]) for example in words if len(example) > 2}
    assert {("requests", name) for name in ("list", "approve", "reject", "policy")} <= seconds
    assert {("account", name) for name in ("link", "unlink", "list")} <= seconds


@pytest.mark.parametrize("line", examples())
def test_an_example_of_a_help_text_works(sluice, feeds, line):
    """Each can be copied as it stands."""
    sluice(line.removeprefix("sluice "))
    assert len(feeds.asked) == 1


def test_the_filter_of_a_feed_is_what_the_options_say(sluice, feeds):
    sluice(
        "feed --source rss --source mastodon --channel channel:blog --tag '#Kafka' --person ben --person person:carl "
        "--visibility internal --visibility public --language de --unread"
    )
    (request,) = feeds.asked
    assert request.filter == feed_service_pb2.FeedFilter(
        source_kinds=["rss", "mastodon"],
        channels=["channel:blog"],
        tags=["kafka"],
        actors=["person:ben", "person:carl"],
        scopes=[activity_pb2.SCOPE_INTERNAL, activity_pb2.SCOPE_PUBLIC],
        languages=["de"],
        unread_only=True,
    )


def test_a_feed_without_options_is_not_narrowed(sluice, feeds):
    sluice("feed")
    (request,) = feeds.asked
    assert request == feed_service_pb2.GetFeedRequest(page_size=20, filter=feed_service_pb2.FeedFilter())


def test_whose_feed_it_is_may_be_a_persons_short_name(sluice, feeds):
    for line, of in (("anna", "person:anna"), ("tag:x", "tag:x"), ("'person:*'", "person:*")):
        sluice(f"feed --of {line}")
        assert (feeds.asked[-1].feed, feeds.asked[-1].of) == (feed_service_pb2.FEED_KIND_OUTBOX, of)


def test_a_conversation_is_shown_with_its_gaps(sluice, feeds):
    page = thread_pb2.GetThreadResponse(reply_count=7, next_page_token="more", truncated=True)
    page.ancestors.add(gap=True)
    page.ancestors.add().entry.activity.text = "the beginning"
    page.entry.activity.text = "in the middle"
    reply = page.replies.add(depth=2, aside=True, cut=True)
    reply.entry.activity.text = "below"
    feeds.answers["GetThread"] = page
    shown = sluice(f"thread {ID} --order oldest")
    texts = [
        "may not see",
        "the beginning",
        "in the middle",
        "isn't here",
        "in its own thread",
        "below",
        "there is more",
        "7 replies",
        "--page-token more",
    ]
    assert sorted(texts, key=shown.index) == texts
    assert feeds.asked[-1].order == thread_pb2.THREAD_ORDER_OLDEST_FIRST


def test_marks_of_the_reader_are_shown(sluice, feeds):
    page = feed_service_pb2.GetFeedResponse()
    entry = page.entries.add()
    entry.activity.text = "Hello"
    entry.viewer_state.read = entry.viewer_state.saved = True
    feeds.answers["GetFeed"] = page
    assert "saved, read" in sluice("feed")


def test_a_rolled_up_feed_is_asked_for_and_its_groups_are_shown(sluice, feeds):
    page = feed_service_pb2.GetFeedResponse()
    rollup = page.entries.add().rollup
    rollup.count, rollup.actor_count, rollup.unread_count = 5, 4, 2
    rollup.by.append(rollup_pb2.ROLL_UP_BY_STORY)
    rollup.actors.add(name="person:ben")
    page.entries.add()
    feeds.answers["GetFeed"] = page
    printed = sluice("feed --roll-up --within day")
    assert printed.count("5 by person:ben and 3 more: the same story, 2 unread") == 1
    assert feeds.asked[-1].roll_up == rollup_pb2.RollUp(within=rollup_pb2.ROLL_UP_WITHIN_DAY)
    sluice("feed --roll-up-by thread")
    assert list(feeds.asked[-1].roll_up.by) == [rollup_pb2.ROLL_UP_BY_THREAD]
    sluice("feed")
    assert not feeds.asked[-1].HasField("roll_up")


def test_counts_are_shown_beside_what_they_are_of(sluice, feeds):
    answer = counts_pb2.GetCountsResponse(
        activities=[counts_pb2.Counts(likes=2, comments=1), counts_pb2.Counts()],
        entities=[counts_pb2.EntityCounts(followers=1, following=3)],
    )
    feeds.answers["GetCounts"] = answer
    other = ID[:-1] + "0"
    lines = sluice(f"counts person:ben {ID} {other}").splitlines()
    assert lines == [f"{ID}  2 likes, 1 comment", f"{other}  nothing", "person:ben  1 follower, 3 following"]
    assert feeds.asked == [counts_pb2.GetCountsRequest(activity_ids=[ID, other], entities=["person:ben"])]


def test_what_is_on_an_entry_is_shown_with_it(sluice, feeds):
    page = feed_service_pb2.GetFeedResponse()
    entry = page.entries.add()
    entry.activity.text = "Hello"
    entry.counts.likes = 1
    feeds.answers["GetFeed"] = page
    assert "1 like" in sluice("feed")


@pytest.mark.parametrize(("command", "method"), [("seen", "MarkSeen"), ("done", "MarkDone"), ("undone", "MarkUndone")])
def test_other_marks_name_the_activities(sluice, feeds, command, method):
    sluice(f"{command} {ID}")
    assert feeds.asked == [getattr(marks_pb2, f"{method}Request")(activity_ids=[ID])]


def test_everything_is_marked_in_one_call(sluice, feeds):
    sluice("seen --all")
    sluice("read --all")
    assert feeds.asked == [feed_service_pb2.MarkAllSeenRequest(), feed_service_pb2.MarkAllReadRequest()]


def test_what_is_unseen_is_counted(sluice, feeds):
    feeds.answers["GetFeedCounts"] = feed_service_pb2.GetFeedCountsResponse(unseen=101, unread=230, at_least=True)
    assert "101+ unseen, 230+ unread" in sluice("unseen")


def test_reactions_are_likes_unless_said_otherwise(sluice, feeds):
    feeds.answers["React"] = reactions_pb2.ReactResponse(reaction_ids=["0" * 32])
    assert "0" * 32 in sluice(f"react {ID}")
    sluice(f"unreact --kind share {ID}")
    assert feeds.asked == [
        reactions_pb2.ReactRequest(activity_ids=[ID], kind=reactions_pb2.REACTION_KIND_LIKE),
        reactions_pb2.UnreactRequest(activity_ids=[ID], kind=reactions_pb2.REACTION_KIND_SHARE),
    ]


def test_what_is_saved_is_a_feed(sluice, feeds):
    sluice("feed --kind saved")
    assert feeds.asked[0].feed == feed_service_pb2.FEED_KIND_SAVED


@pytest.mark.parametrize(("command", "method"), [("read", "MarkRead"), ("unread", "MarkUnread"), ("save", "Save")])
def test_marks_name_the_activities(sluice, feeds, command, method):
    sluice(f"{command} {ID}")
    assert feeds.asked == [getattr(feed_service_pb2, f"{method}Request")(activity_ids=[ID])]


def test_a_follow_that_waits_for_approval_is_told(sluice, feeds):
    """Whoever reads `follows` would look for entries that don't come."""
    assert "anna follows person:ben" in sluice("follow person:ben")
    feeds.answers["Follow"] = relation_service_pb2.FollowResponse(state=relation_service_pb2.FOLLOW_STATE_PENDING)
    assert "pending" in sluice("follow person:ben")


def test_requests_are_listed_over_all_pages(sluice, feeds):
    """Mine are those I made; otherwise those that ask me."""
    edge = relation_pb2.Relation(subject="person:carl", object="person:ben")
    feeds.answers["ListFollowers"] = relation_service_pb2.ListFollowersResponse(relations=[edge])
    feeds.answers["ListFollowing"] = relation_service_pb2.ListFollowingResponse(relations=[edge])
    assert sluice("requests list").split() == ["person:carl"]
    assert sluice("requests list --mine").split() == ["person:ben"]
    assert {request.kind for request in feeds.asked} == {relation_pb2.RELATION_KIND_REQUESTS}


def test_a_membership_is_asked_for_by_an_admin(sluice, feeds):
    """The command's user is who asks, not who joins."""
    sluice("join group:g person:ben --as root")
    assert feeds.asked == [relation_service_pb2.JoinRequest(group="group:g", user="person:ben")]
    sluice("leave group:g")
    assert feeds.asked[-1] == relation_service_pb2.LeaveRequest(group="group:g")


@pytest.mark.parametrize(
    ("command", "method"),
    [("unfollow", "Unfollow"), ("mute", "Mute"), ("unmute", "Unmute"), ("block", "Block"), ("unblock", "Unblock")],
)
def test_a_change_names_its_object(sluice, feeds, command, method):
    sluice(f"{command} person:ben")
    assert feeds.asked == [getattr(relation_service_pb2, f"{method}Request")(object="person:ben")]


def test_a_policy_is_shown_or_set(sluice, feeds):
    assert "everybody may follow anna" in sluice("requests policy")
    assert "approves" in sluice("requests policy --approve")
    assert feeds.asked[-1] == relation_service_pb2.SetFollowPolicyRequest(approves_followers=True)
    sluice("requests policy --open")
    assert feeds.asked[-1] == relation_service_pb2.SetFollowPolicyRequest()


def test_the_accounts_of_a_person_are_listed(sluice, feeds):
    feeds.answers["ListAccounts"] = relation_service_pb2.ListAccountsResponse(accounts=["person:a@x", "person:b@x"])
    assert sluice("account list person:ben").split() == ["person:a@x", "person:b@x"]
