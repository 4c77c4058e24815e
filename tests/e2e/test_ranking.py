"""Ranked feeds on a whole stack: what others like moves up, what one likes oneself is learnt, and every entry is explained."""

import uuid
from typing import Any

import pytest
from sluice.activity.v1 import activity_pb2 as pb
from sluice.activity.v1 import preference_pb2
from sluice.feed.v1 import feed_service_pb2, feed_service_pb2_grpc, ranking_service_pb2
from sluice.feed.v1.ranking_service_pb2_grpc import RankingServiceStub

from tests.e2e.conftest import Person, System, eventually

FOR_YOU = preference_pb2.ORDER_FOR_YOU


@pytest.fixture
def people(system: System) -> list[Person]:
    """Three employees whom no other test knows; the first follows the second."""
    people = [system.person(f"{name}-{uuid.uuid4().hex[:8]}") for name in ("anna", "ben", "carl")]
    people[0].relate("Follow", object=people[1].name)
    return people


def ranking(person: Person, method: str, **fields: Any) -> Any:
    """Call RankingService."""
    return person.call("feeds", RankingServiceStub, method, getattr(ranking_service_pb2, f"{method}Request")(**fields))


def ids(person: Person, **fields: Any) -> list[str]:
    """Return the ids of a page."""
    request = feed_service_pb2.GetFeedRequest(page_size=50, **fields)
    answer = person.call("feeds", feed_service_pb2_grpc.FeedServiceStub, "GetFeed", request)
    return [entry.activity.id for entry in answer.entries]


def test_what_others_like_moves_up_as_far_as_one_may_know_of_it(people):
    """Carl's like for all counts for anna, the one for himself alone does not."""
    anna, ben, carl = people
    first, second, third = (ben.say(text) for text in ("one", "two", "three"))
    carl.say("+1", verb=pb.VERB_LIKE, liked=first)
    carl.say("+1", verb=pb.VERB_LIKE, liked=second, to=(carl.name,))
    ranking(anna, "SetRanking", order=FOR_YOU, expression="likes")
    eventually(lambda: ids(anna) == [first, third, second])
    assert ids(anna, order=preference_pb2.ORDER_NEWEST) == [third, second, first]
    told = ranking(anna, "ExplainEntry", activity_id=first)
    assert told.score == 1
    assert [reason.name for reason in told.reasons] == [ben.name]


def test_what_one_likes_is_learnt_and_forgotten(people):
    """A like of hers makes more of its tag interesting; a reset ends that."""
    anna, ben, _ = people
    liked = ben.say("about rivers", tags=["rivers"])
    more, other = ben.say("more rivers", tags=["rivers"]), ben.say("about trains", tags=["trains"])
    eventually(lambda: len(ids(anna)) == 3)
    anna.say("+1", verb=pb.VERB_LIKE, liked=liked)
    eventually(lambda: "tag:rivers" in {weight.name for weight in ranking(anna, "GetRanking").interest})
    eventually(lambda: ids(anna, order=FOR_YOU)[-1] == other, within=45)
    assert set(ids(anna, order=FOR_YOU)) == {liked, more, other}
    ranking(anna, "ResetInterest")
    assert not ranking(anna, "GetRanking").interest
