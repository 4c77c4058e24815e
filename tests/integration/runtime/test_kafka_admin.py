import threading

import pytest
from kafka.errors import KafkaError, PolicyViolationError

from services.contracts.topics import TOPICS
from services.runtime.embedded import free_port
from services.runtime.kafka_admin import (
    Change,
    PartitionsDiffer,
    TopicRefused,
    WantedTopic,
    admin_client,
    apply_topics,
    differences,
    read_topics,
    record_counts,
)
from services.runtime.kafka_security import KafkaSecurity
from tests.integration.runtime.kafka_steps import produce

CONFIG = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime", "max.message.bytes": "2097152"}


@pytest.fixture
def client(kafka):
    with admin_client(kafka) as client:
        yield client


@pytest.fixture
def wanted(unique):
    return WantedTopic(f"{unique}.a", 3, 1, CONFIG)


def test_missing_topics_are_created_as_wanted_and_again_nothing_happens(client, wanted):
    assert apply_topics(client, [wanted]) == [Change(wanted.name, "created", ("3 partitions",))]
    state = read_topics(client, [wanted.name])[wanted.name]
    assert differences(wanted, state) == []
    assert (state.partitions, state.replication_factor) == (3, 1)
    assert apply_topics(client, [wanted]) == [Change(wanted.name, "unchanged")]


def test_settings_that_differ_are_changed_and_told_and_the_others_stay(client, wanted):
    apply_topics(client, [wanted])
    other = WantedTopic(wanted.name, 3, 1, {"cleanup.policy": "delete", "retention.ms": "60000"})
    told = ("cleanup.policy is compact, not delete", "retention.ms is unset, not 60000")
    assert apply_topics(client, [other]) == [Change(wanted.name, "changed", told)]
    assert read_topics(client, [wanted.name])[wanted.name].config == CONFIG | other.config


def test_another_partition_count_is_refused_before_anything_is_touched(client, wanted, unique):
    apply_topics(client, [wanted])
    fresh = WantedTopic(f"{unique}.fresh", 1, 1)
    with pytest.raises(PartitionsDiffer, match=r"has 3 partitions and should have 5.*SLUICE_KAFKA__PARTITIONS"):
        apply_topics(client, [fresh, WantedTopic(wanted.name, 5, 1, {"cleanup.policy": "delete"})])
    states = read_topics(client, [fresh.name, wanted.name])
    assert list(states) == [wanted.name]
    assert states[wanted.name].config["cleanup.policy"] == "compact"


def test_a_dry_run_says_what_it_would_do_and_does_nothing(client, wanted):
    assert apply_topics(client, [wanted], dry_run=True)[0].action == "created"
    assert read_topics(client, [wanted.name]) == {}
    apply_topics(client, [wanted])
    assert (
        apply_topics(client, [WantedTopic(wanted.name, 3, 1, {"cleanup.policy": "delete"})], dry_run=True)[0].action == "changed"
    )
    assert read_topics(client, [wanted.name])[wanted.name].config == CONFIG


def test_replication_that_differs_is_told_not_changed(client, wanted):
    apply_topics(client, [wanted])
    assert apply_topics(client, [WantedTopic(wanted.name, 3, 3, CONFIG)]) == [
        Change(wanted.name, "differs", ("1 replicas, not 3",))
    ]


def test_a_cluster_that_refuses_a_change_is_told_and_the_others_go_on(client, wanted, unique, monkeypatch):
    """Managed clusters forbid some settings."""
    apply_topics(client, [wanted])

    def refuse(*_, **__):
        raise PolicyViolationError

    monkeypatch.setattr(client, "alter_configs", refuse)
    other, fresh = WantedTopic(wanted.name, 3, 1, {"cleanup.policy": "delete"}), WantedTopic(f"{unique}.fresh", 1, 1)
    changes = apply_topics(client, [other, fresh])
    assert [change.action for change in changes] == ["differs", "created"]
    assert changes[0].details[-1] == "not changed: PolicyViolationError"


@pytest.mark.parametrize("change", [{"config": {"nonsense": "1"}}, {"replication_factor": 3}])
def test_a_topic_that_kafka_does_not_take_is_a_clear_error(client, unique, change):
    topic = WantedTopic(**({"name": f"{unique}.b", "partitions": 1, "replication_factor": 1} | change))
    with pytest.raises(TopicRefused, match=f"does not create {unique}.b: .+") as caught:
        apply_topics(client, [topic])
    assert "Request" not in str(caught.value)


def test_the_registry_can_be_applied_twice(client, unique):
    wanted = [WantedTopic(f"{unique}.{topic.name}", 2, 1, topic.config()) for topic in TOPICS]
    assert {change.action for change in apply_topics(client, wanted)} == {"created"}
    assert {change.action for change in apply_topics(client, wanted)} == {"unchanged"}


def test_asking_for_a_topic_that_is_not_there_creates_none(client, unique):
    assert read_topics(client, [f"{unique}.none"]) == {}
    assert f"{unique}.none" not in client.list_topics()


async def test_counts_say_how_much_is_in_a_topic(kafka, client, wanted):
    apply_topics(client, [wanted])
    await produce(kafka, wanted.name, [(b"k%d" % number, b"v") for number in range(30)])
    assert record_counts(client, read_topics(client, [wanted.name]).values()) == {wanted.name: 30}


def test_several_who_apply_at_once_all_succeed(kafka, unique):
    wanted = [WantedTopic(f"{unique}.{number}", 2, 1, CONFIG) for number in range(5)]
    failures = []

    def apply():
        try:
            with admin_client(kafka) as client:
                apply_topics(client, wanted)
        except (KafkaError, TopicRefused) as error:
            failures.append(error)

    threads = [threading.Thread(target=apply) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_without_a_broker_it_fails_in_bounded_time(monkeypatch):
    monkeypatch.setattr("services.runtime.kafka_admin._TIMEOUT_MS", 1000)
    with pytest.raises(KafkaError), admin_client(KafkaSecurity(f"127.0.0.1:{free_port()}")):
        pass
