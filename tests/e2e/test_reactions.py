"""Likes, shares and marks on a whole stack: what a call has answered is in the next page."""

import uuid

import grpc
import pytest
from sluice.activity.v1 import activity_pb2
from sluice.feed.v1 import feed_service_pb2, reactions_pb2
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceStub

from tests.e2e.conftest import Person, eventually


def somebody(system, name) -> Person:
    return system.person(f"{name}-{uuid.uuid4().hex[:8]}")


def feeds(person: Person, method: str, request):
    return person.call("feeds", FeedServiceStub, method, request)


def test_a_like_and_a_share_go_all_the_way_round(system):
    """Through ingest and refine; liking what was unliked counts, and followers find what was shared."""
    anna, ben, carla = (somebody(system, name) for name in ("anna", "ben", "carla"))
    anna.relate("Follow", object=ben.name)
    carla.relate("Follow", object=anna.name)
    said = ben.say("worth a like")
    eventually(lambda: anna.entry(said))
    for _ in range(2):
        feeds(anna, "React", reactions_pb2.ReactRequest(activity_ids=[said]))
        assert anna.entry(said).viewer_state.liked
        feeds(anna, "Unreact", reactions_pb2.UnreactRequest(activity_ids=[said]))
        assert not anna.entry(said).viewer_state.liked
    share = reactions_pb2.ReactRequest(activity_ids=[said], kind=reactions_pb2.REACTION_KIND_SHARE)
    (shared,) = feeds(anna, "React", share).reaction_ids
    entry = eventually(lambda: carla.entry(shared))
    assert entry.activity.verb == activity_pb2.VERB_SHARE
    assert entry.activity.object.activity_id == said


def test_what_is_not_hers_to_read_is_not_hers_to_like(system):
    """A message to somebody else is as if it weren't there."""
    anna, ben, carla = (somebody(system, name) for name in ("anna", "ben", "carla"))
    said = ben.say("for Carla", to=(carla.name,))
    eventually(lambda: carla.entry(said))
    with pytest.raises(grpc.RpcError) as refused:
        feeds(anna, "React", reactions_pb2.ReactRequest(activity_ids=[said]))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_what_was_saved_is_found_after_an_unfollow(system):
    anna, ben = somebody(system, "anna"), somebody(system, "ben")
    anna.relate("Follow", object=ben.name)
    said = ben.say("to be kept")
    eventually(lambda: anna.entry(said))
    feeds(anna, "Save", feed_service_pb2.SaveRequest(activity_ids=[said]))
    anna.relate("Unfollow", object=ben.name)
    saved = feed_service_pb2.GetFeedRequest(feed=feed_service_pb2.FEED_KIND_SAVED)
    assert [entry.activity.id for entry in feeds(anna, "GetFeed", saved).entries] == [said]
    assert anna.entry(said) is None
