import threading

import pytest

from services.contracts.topics import TOPICS
from services.runtime.embedded import free_port
from services.runtime.kafka_admin import Change, KafkaAdmin, KafkaAdminError, PartitionCountDiffers, WantedTopic
from services.runtime.kafka_security import KafkaSecurity
from tests.integration.runtime.kafka_steps import produce

CONFIG = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime", "max.message.bytes": "2097152"}


@pytest.fixture
def admin(kafka):
    with KafkaAdmin(kafka) as admin:
        yield admin


@pytest.fixture
def wanted(unique):
    return WantedTopic(f"{unique}.a", 3, 1, CONFIG)


def test_missing_topics_are_created_as_wanted_and_again_nothing_happens(admin, wanted):
    assert [change.action for change in admin.apply([wanted])] == ["created"]
    state = admin.describe([wanted.name])[wanted.name]
    assert (state.partitions, state.replication) == (3, 1)
    assert CONFIG.items() <= state.config.items()
    assert admin.apply([wanted]) == [Change(wanted.name, "unchanged")]


def test_settings_that_differ_are_changed_and_reported(admin, wanted):
    admin.apply([wanted])
    other = WantedTopic(wanted.name, 3, 1, CONFIG | {"cleanup.policy": "delete", "retention.ms": "60000"})
    (change,) = admin.apply([other])
    assert change.action == "changed"
    assert change.settings == {"cleanup.policy": ("compact", "delete"), "retention.ms": (None, "60000")}
    assert admin.describe([wanted.name])[wanted.name].config["retention.ms"] == "60000"


def test_another_partition_count_is_refused_before_anything_is_touched(admin, wanted, unique):
    admin.apply([wanted])
    fresh = WantedTopic(f"{unique}.fresh", 1)
    with pytest.raises(PartitionCountDiffers, match=r"has 3 partitions, wanted 5.*never changed.*SLUICE_KAFKA__PARTITIONS"):
        admin.apply([fresh, WantedTopic(wanted.name, 5, 1, {"cleanup.policy": "delete"})])
    assert admin.describe([fresh.name]) == {}
    assert admin.describe([wanted.name])[wanted.name].config["cleanup.policy"] == "compact"


def test_a_dry_run_says_what_it_would_do_and_does_nothing(admin, wanted):
    assert [change.action for change in admin.apply([wanted], dry_run=True)] == ["created"]
    assert admin.describe([wanted.name]) == {}


def test_replication_that_differs_is_reported_not_changed(admin, wanted):
    admin.apply([wanted])
    (change,) = admin.apply([WantedTopic(wanted.name, 3, 3, CONFIG)])
    assert change.action == "differs"
    assert "has 1 replicas, wanted 3" in change.problem


def test_a_setting_that_kafka_does_not_know_is_a_clear_error(admin, unique):
    with pytest.raises(KafkaAdminError, match=f"can't create topic {unique}.b: .+") as caught:
        admin.apply([WantedTopic(f"{unique}.b", 1, 1, {"nonsense": "1"})])
    assert "Request" not in str(caught.value)


def test_the_registry_can_be_applied_twice(admin, unique):
    wanted = [WantedTopic(f"{unique}.{topic.name}", 2, 1, topic.config()) for topic in TOPICS]
    assert {change.action for change in admin.apply(wanted)} == {"created"}
    assert {change.action for change in admin.apply(wanted)} == {"unchanged"}


def test_asking_for_a_topic_that_is_not_there_creates_none(admin, unique):
    assert admin.describe([f"{unique}.none"]) == {}
    assert admin.end_offsets([f"{unique}.none"]) == {}
    assert f"{unique}.none" not in admin.names()


async def test_offsets_say_how_much_is_in_a_topic(kafka, admin, wanted):
    admin.apply([wanted])
    sent = await produce(kafka, wanted.name, [(b"k%d" % n, b"v") for n in range(30)])
    assert sum(admin.end_offsets([wanted.name]).values()) == len(sent)
    assert set(admin.begin_offsets([wanted.name]).values()) == {0}
    assert admin.committed(f"{wanted.name}-nobody") == {}
    assert wanted.name in admin.names()
    assert not any(name.startswith("__") for name in admin.names())


def test_two_who_apply_at_once_both_succeed(kafka, unique):
    wanted = [WantedTopic(f"{unique}.{number}", 2, 1, CONFIG) for number in range(5)]
    failures = []

    def apply():
        try:
            with KafkaAdmin(kafka) as admin:
                admin.apply(wanted)
        except KafkaAdminError as error:
            failures.append(error)

    threads = [threading.Thread(target=apply) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_deleted_topics_are_gone(admin, wanted):
    admin.apply([wanted])
    admin.delete([wanted.name])
    assert admin.describe([wanted.name]) == {}


def test_without_a_broker_it_says_so(monkeypatch):
    monkeypatch.setattr("services.runtime.kafka_admin._TIMEOUT_MS", 1000)
    port = free_port()
    with pytest.raises(KafkaAdminError, match=f"can't reach Kafka at 127.0.0.1:{port}"):
        KafkaAdmin(KafkaSecurity(f"127.0.0.1:{port}"))
