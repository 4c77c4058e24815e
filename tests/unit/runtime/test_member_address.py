"""A static member that comes back under another address within its session, as Apache Kafka answers it."""

import zlib
from types import SimpleNamespace

import pytest
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata

from services.runtime.faust_app import FaustSettings, build_app
from services.runtime.kafka_security import KafkaSecurity

OWN, FORMER, OTHER = "grpc://127.0.0.1:2", "grpc://127.0.0.1:1", "grpc://127.0.0.1:3"


class Consumer:
    """Counts how often the group was asked for a new assignment."""

    def __init__(self):
        self.asked = 0

    def join_again(self):
        self.asked += 1


@pytest.fixture
def app(tmp_path):
    """A worker's app that isn't connected, on a consumer that only counts."""
    app = build_app(FaustSettings("t", KafkaSecurity("127.0.0.1:1"), "t-0", OWN, tmp_path, frozenset()))
    app.consumer = Consumer()
    return app


def assignment_for(url):
    """Return what the group's leader sent to a member that it knew under url."""
    metadata = ClientMetadata(
        assignment=ClientAssignment(actives={"in": [0, 1]}, standbys={}),
        url=url,
        changelog_distribution={},
        external_topic_distribution={url: {"in": [0, 1]}, OTHER: {"in": [2, 3]}},
    )
    return SimpleNamespace(assignment=[("in", [0, 1])], user_data=zlib.compress(metadata.dumps()))


def test_an_assignment_under_the_former_address_is_taken_under_the_own_one_and_asked_for_again(app):
    """It isn't refused: the worker would never get a partition. The others keep their addresses."""
    app.assignor.on_assignment(assignment_for(FORMER))
    assert app.assignor.external_topics_metadata() == {OWN: {"in": [0, 1]}, OTHER: {"in": [2, 3]}}
    assert len(app.assignor.assigned_actives()) == 2
    assert app.consumer.asked == 1


def test_an_assignment_under_the_own_address_is_taken_as_it_is(app):
    """Otherwise the group would never come to rest."""
    app.assignor.on_assignment(assignment_for(OWN))
    assert app.assignor.external_topics_metadata() == {OWN: {"in": [0, 1]}, OTHER: {"in": [2, 3]}}
    assert app.consumer.asked == 0
