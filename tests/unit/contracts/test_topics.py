import re

import pytest

from services.contracts.topics import DLQS, TOPICS, Cleanup, topic_named


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_says_what_its_users_rely_on(topic):
    """The registry is the data teams' documentation."""
    assert re.fullmatch(r"sluice\.[a-z.-]+\.v\d+", topic.name)
    assert topic.description.endswith(".")
    assert topic.producers
    assert topic.consumers
    assert topic.config()["message.timestamp.type"] == "LogAppendTime"
    assert (topic.cleanup is Cleanup.DELETE) == (topic.retention_ms > 0)


def test_names_are_unique_and_known():
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    assert all(topic in TOPICS for topic in DLQS.values())
    with pytest.raises(KeyError, match=r"sluice\.activities\.v1"):
        topic_named("sluice.nonsense.v1")


def test_co_partitioned_topics_have_the_same_size():
    """Joins by partition need equal partition counts."""
    for topic in TOPICS:
        if topic.co_partitioned_with:
            assert topic_named(topic.co_partitioned_with).size is topic.size
