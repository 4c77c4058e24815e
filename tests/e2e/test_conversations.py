"""Conversations and outboxes from what people publish to what others read, on a whole stack."""

import uuid

import grpc
import pytest
from sluice.activity.v1 import activity_pb2 as pb
from sluice.feed.v1 import feed_service_pb2, feed_service_pb2_grpc, thread_pb2

from tests.e2e.conftest import Person, System, eventually


@pytest.fixture
def people(system: System) -> list[Person]:
    """Three employees whom no other test knows."""
    return [system.person(f"{name}-{uuid.uuid4().hex[:8]}") for name in ("anna", "ben", "carl")]


def thread(person: Person, activity: str) -> thread_pb2.GetThreadResponse | None:
    """Return a conversation, None where it isn't found."""
    request = thread_pb2.GetThreadRequest(activity_id=activity)
    try:
        return person.call("feeds", feed_service_pb2_grpc.FeedServiceStub, "GetThread", request)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return None


def told(person: Person, activity: str) -> tuple[list[str], list[tuple[int, str]]]:
    """Return the ids of ancestors (empty for a gap), then depth and id of each reply."""
    answer = thread(person, activity) or thread_pb2.GetThreadResponse()
    return [each.entry.activity.id for each in answer.ancestors], [
        (each.depth, each.entry.activity.id) for each in answer.replies
    ]


def outbox(person: Person, of: str) -> list[str]:
    """Return the ids of the first page of an outbox."""
    request = feed_service_pb2.GetFeedRequest(feed=feed_service_pb2.FEED_KIND_OUTBOX, of=of, page_size=50)
    answer = person.call("feeds", feed_service_pb2_grpc.FeedServiceStub, "GetFeed", request)
    return [entry.activity.id for entry in answer.entries]


def test_a_conversation_among_people_who_do_not_follow_each_other(people):
    """What anna asks is answered by ben, in the open and for carl alone, and carl goes on below that."""
    anna, ben, carl = people
    asked = anna.say("who knows?")
    answered = ben.say("carl does", verb=pb.VERB_COMMENT, in_reply_to=asked)
    whispered = ben.say("do you?", verb=pb.VERB_COMMENT, in_reply_to=asked, to=(carl.name,))
    below = carl.say("I do", verb=pb.VERB_COMMENT, in_reply_to=whispered)
    eventually(lambda: told(carl, asked) == ([], [(1, answered), (1, whispered), (2, below)]))
    eventually(lambda: told(anna, asked) == ([], [(1, answered)]))
    assert told(anna, below) == ([""], [])
    assert told(carl, below) == ([asked, whispered], [])
    assert thread(anna, whispered) is None


def test_the_feed_of_a_person_and_all_that_one_follows(people):
    """Without following; a direct message is in it for its recipient only; a block hides it both ways."""
    anna, ben, carl = people
    first, second = ben.say("one"), ben.say("two", tags=["kafka"])
    message = ben.say("for carl", to=(carl.name,))
    eventually(lambda: outbox(anna, ben.name) == [second, first])
    eventually(lambda: outbox(carl, ben.name) == [message, second, first])
    assert second in outbox(anna, "tag:kafka")
    assert outbox(anna, "person:*") == []
    anna.relate("Follow", object=ben.name)
    assert outbox(anna, "person:*") == [second, first]
    ben.relate("Block", object=anna.name)
    assert outbox(anna, ben.name) == []
