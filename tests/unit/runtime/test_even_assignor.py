"""The group's leader, asked as aiokafka asks it."""

import zlib
from types import SimpleNamespace

import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata

from services.runtime.faust_app import FaustSettings, build_app
from services.runtime.kafka_security import KafkaSecurity

TOPICS = {"relations": 12, "inverse": 12, "single": 1}


@pytest.fixture
def leader(tmp_path):
    """An app's assignor; the app isn't connected."""
    return build_app(FaustSettings("t", KafkaSecurity("127.0.0.1:1"), "t-0", "grpc://m0", tmp_path, frozenset())).assignor


def says(member, actives=(), topics=("relations", "inverse")):
    """Return what a member tells when it joins: where it is, what it follows, what it had."""
    had = {topic: list(actives) for topic in topics} if actives else {}
    metadata = ClientMetadata(
        assignment=ClientAssignment(actives=had, standbys={}), url=f"grpc://{member}", changelog_distribution={}
    )
    return ConsumerProtocolMemberMetadata(4, list(topics), metadata.dumps())


def assigned(leader, members):
    """Return member → topic → partitions, and what each member is told of all."""
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: set(range(TOPICS[topic])))
    answers = leader.assign(cluster, members)
    told = {member: ClientMetadata.loads(zlib.decompress(answer.user_data)) for member, answer in answers.items()}
    return {
        member: {topic: set(partitions) for topic, partitions in answer.assignment} for member, answer in answers.items()
    }, told


def test_topics_that_go_together_have_one_owner_for_each_partition(leader):
    """A user's edges and those to her must be in one worker; everybody is told where everything is."""
    shares, told = assigned(leader, {f"m{number}": says(f"m{number}") for number in range(3)})
    assert all(share["relations"] == share["inverse"] and len(share["relations"]) == 4 for share in shares.values())
    for member in shares:
        assert told[member].url == f"grpc://{member}"
        everything = {
            url.removeprefix("grpc://"): set(by["relations"]) for url, by in told[member].external_topic_distribution.items()
        }
        assert everything == {member: share["relations"] for member, share in shares.items()}


def test_a_fifth_member_gets_its_share_and_the_others_keep_theirs(leader):
    had = {f"m{number}": range(3 * number, 3 * number + 3) for number in range(4)}
    shares, _ = assigned(leader, {member: says(member, actives) for member, actives in had.items()} | {"m4": says("m4")})
    assert len(shares["m4"]["relations"]) == 2
    assert sum(len(shares[member]["relations"] & set(actives)) for member, actives in had.items()) == 10


def test_two_that_say_they_have_the_same_get_different_ones(leader):
    """One of them was away for longer than its session."""
    shares, _ = assigned(leader, {"m0": says("m0", range(12)), "m1": says("m1", range(6))})
    assert shares["m0"]["relations"] | shares["m1"]["relations"] == set(range(12))
    assert shares["m0"]["relations"] & shares["m1"]["relations"] == set()


def test_a_topic_that_only_some_follow_goes_to_those(leader):
    """During an upgrade the new members follow more topics than the old ones."""
    members = {"old": says("old"), "new": says("new", topics=("relations", "inverse", "single"))}
    shares, _ = assigned(leader, members)
    assert shares["new"]["single"] == {0}
    assert "single" not in shares["old"]
    assert shares["old"]["relations"] | shares["new"]["relations"] == set(range(12))


def test_a_member_takes_what_it_is_given(leader):
    """What the leader sends is what Faust checks on arrival."""
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: set(range(TOPICS[topic])))
    answer = leader.assign(cluster, {"m0": says("m0"), "m1": says("m1")})["m0"]
    leader.on_assignment(answer)
    assert len(leader.assigned_actives()) == 12
