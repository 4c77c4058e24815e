"""From what somebody says to what others read: follows, edits, deletes, marks, restarts."""

import uuid

import grpc
import httpx
import pytest
from sluice.activity.v1 import activity_pb2 as pb
from sluice.feed.v1 import feed_service_pb2, feed_service_pb2_grpc
from sluice.ingest.v1 import publish_service_pb2, publish_service_pb2_grpc

from tests.e2e.conftest import Person, System, eventually


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def anna(system: System) -> Person:
    return system.person(unique("anna"))


@pytest.fixture
def ben(system: System) -> Person:
    return system.person(unique("ben"))


def test_a_follow_shows_what_was_said_before_and_after(anna, ben):
    """Read your writes: when Follow has answered, the next feed has the old entries; new ones come by themselves."""
    old = ben.say("said before")
    eventually(lambda: ben.entry(old))
    assert anna.entry(old) is None
    anna.relate("Follow", object=ben.name)
    assert anna.entry(old)
    new = ben.say("said after")
    eventually(lambda: anna.entry(new))


def test_unfollow_and_mute_take_entries_out_at_once(anna, ben):
    """When the call has answered, the next feed doesn't show them; taking it back brings them back."""
    said = ben.say("hello")
    anna.relate("Follow", object=ben.name)
    eventually(lambda: anna.entry(said))
    anna.relate("Mute", object=ben.name)
    assert anna.entry(said) is None
    anna.relate("Unmute", object=ben.name)
    assert anna.entry(said)
    anna.relate("Unfollow", object=ben.name)
    assert anna.entry(said) is None


def test_an_edit_and_a_delete_reach_feed_and_search(system, anna):
    """The same source again with a higher version replaces; a delete hides everywhere."""
    bridge = system.person("bridge", roles=("publisher",))
    source = pb.Source(kind="sluice", instance="tests", native_id=unique("note"))
    first, second = unique("first"), unique("second")

    def publish(text: str, version: int) -> str:
        activity = pb.Activity(
            source=source,
            version=version,
            verb=pb.VERB_POST,
            actor=pb.Entity(name=anna.name),
            object=pb.Object(content=f"<p>{text}</p>"),
            audience=pb.Audience(scope=pb.SCOPE_INTERNAL),
        )
        return bridge.publish(activity)

    activity_id = publish(first, 1)
    eventually(lambda: anna.finds(f'"{first}"', activity_id))
    assert publish(second, 2) == activity_id
    eventually(lambda: anna.finds(f'"{second}"', activity_id) and not anna.finds(f'"{first}"', activity_id))
    entry = eventually(lambda: anna.entry(activity_id))
    eventually(lambda: second in anna.entry(activity_id).activity.text)
    assert entry.activity.audience.scope == pb.SCOPE_INTERNAL
    bridge.call("ingest", publish_service_pb2_grpc.PublishServiceStub, "Delete", publish_service_pb2.DeleteRequest(source=source))
    eventually(lambda: anna.entry(activity_id) is None)
    eventually(lambda: not anna.finds(f'"{second}"', activity_id))
    publish(first, 1)
    later = anna.say("after the late version")
    eventually(lambda: anna.entry(later))
    assert anna.entry(activity_id) is None


def test_a_retry_with_the_same_request_id_is_one_activity(anna):
    """A client that didn't hear the answer asks again; nobody sees it twice."""
    activity = pb.Activity(
        verb=pb.VERB_POST,
        actor=pb.Entity(name=anna.name),
        object=pb.Object(content="once"),
        audience=pb.Audience(scope=pb.SCOPE_INTERNAL),
    )
    request = unique("request")
    ids = {anna.publish(activity, request) for _ in range(3)}
    marker = anna.say("marker")
    eventually(lambda: anna.entry(marker))
    assert len(ids) == 1
    assert [entry.activity.id for entry in anna.feed().entries].count(ids.pop()) == 1


def test_entries_carry_what_the_viewer_did(anna, ben):
    """Liked and saved, for this viewer only, and taken back again; how many like it, for both."""
    said = ben.say("likeable")
    for person in (anna, ben):
        person.relate("Follow", object=ben.name)
    eventually(lambda: anna.entry(said))
    anna.say("", verb=pb.VERB_LIKE, liked=said)
    anna.call("feeds", feed_service_pb2_grpc.FeedServiceStub, "Save", feed_service_pb2.SaveRequest(activity_ids=[said]))
    assert anna.entry(said).viewer_state.saved
    eventually(lambda: anna.entry(said).viewer_state.liked)
    assert not ben.entry(said).viewer_state.liked
    eventually(lambda: anna.entry(said).counts.likes == ben.entry(said).counts.likes == 1)
    assert not ben.entry(said).viewer_state.saved
    anna.call("feeds", feed_service_pb2_grpc.FeedServiceStub, "Unsave", feed_service_pb2.UnsaveRequest(activity_ids=[said]))
    assert not anna.entry(said).viewer_state.saved


def test_pages_show_each_entry_once_and_count_what_is_new(anna):
    """What arrives above the first page is announced, not mixed in."""
    said = [anna.say(f"number {number}") for number in range(7)]
    eventually(lambda: len(anna.feed().entries) == 7)
    first = anna.feed(page_size=3)
    newer = anna.say("newer")
    eventually(lambda: anna.entry(newer))
    second = anna.feed(page_size=3, page_token=first.next_page_token)
    third = anna.feed(page_size=3, page_token=second.next_page_token)
    shown = [entry.activity.id for page in (first, second, third) for entry in page.entries]
    assert sorted(shown) == sorted(said)
    assert second.newer_count == 1
    with pytest.raises(grpc.RpcError) as refused:
        anna.feed(page_token="made-up")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_scripts_never_reach_a_reader(anna):
    """HTML is sanitised on the way; the text stays."""
    said = anna.say('<p onclick="x()">hi<script>alert(1)</script> <a href="javascript:x()">there</a></p>')
    content = eventually(lambda: anna.entry(said)).activity.object.content
    assert "script" not in content
    assert "onclick" not in content
    assert "hi" in content


@pytest.mark.parametrize("headers", [{}, {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}])
def test_the_inbox_refuses_what_is_not_signed(system, headers):
    """A wrong or missing signature is told apart from nothing else, before anything is parsed."""
    url = f"http://127.0.0.1:{system.stack.ports.inbox}/inbox/app-events"
    assert httpx.post(url, content=b"{not json", headers=headers).status_code == 401


def test_a_body_of_five_megabytes_is_refused(system):
    url = f"http://127.0.0.1:{system.stack.ports.inbox}/inbox/app-events"
    assert httpx.post(url, content=b"x" * 5_000_000).status_code == 413


def test_bad_requests_name_the_field(anna):
    """Dates of other centuries, unknown verbs, control characters in names: a clear status, nothing else happens."""
    actor = pb.Entity(name=anna.name)
    audience = pb.Audience(scope=pb.SCOPE_INTERNAL)
    good = pb.Activity(verb=pb.VERB_POST, actor=actor, object=pb.Object(content="x"), audience=audience)
    bad = [pb.Activity() for _ in range(4)]
    for activity in bad:
        activity.CopyFrom(good)
    bad[0].published.FromJsonString("2999-01-01T00:00:00Z")
    bad[1].published.FromJsonString("1601-01-01T00:00:00Z")
    bad[2].audience.CopyFrom(pb.Audience(scope=pb.SCOPE_GROUP))
    bad[3].object.content = "x" * 300_000
    for activity in bad:
        with pytest.raises(grpc.RpcError) as refused:
            anna.publish(activity)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_killed_feeds_worker_is_back_with_the_same_feed(system, anna, ben):
    """Kill -9, and within ten seconds the same people see the same entries."""
    anna.relate("Follow", object=ben.name)
    said = [ben.say(f"number {number}") for number in range(5)]
    eventually(lambda: len(anna.feed().entries) == 5)
    before = [entry.activity.id for entry in anna.feed().entries]
    seconds = system.stack.restart("feeds", kill=True)
    assert seconds < 10
    assert sorted(before) == sorted(said)
    eventually(lambda: [entry.activity.id for entry in anna.feed().entries] == before)


@pytest.mark.parametrize("name", ["ingest", "refine", "feeds", "search"])
def test_every_service_answers_its_probes_and_shows_metrics(system, name):
    base = f"http://127.0.0.1:{getattr(system.stack.ports, f'{name}_ops')}"
    assert httpx.get(f"{base}/livez").status_code == 200
    assert httpx.get(f"{base}/readyz").status_code == 200
    assert "sluice_" in httpx.get(f"{base}/metrics").text


def test_no_log_holds_what_somebody_said(system, anna):
    """Logs carry ids, counts and reasons; never a text or a token."""
    secret = unique("confidential")
    said = anna.say(f"{secret} <script>{secret}</script>", tags=[secret])
    eventually(lambda: anna.entry(said) and anna.finds(secret, said))
    with pytest.raises(grpc.RpcError):
        anna.say(f"{secret}" * 20_000)
    logs = list((system.stack.data_dir / "logs").glob("*.log"))
    assert len(logs) >= 4
    for log in logs:
        text = log.read_text(errors="replace")
        assert secret not in text
        assert anna.token not in text
