"""Making topics what a registry says, and saying where they are not: kafka-python's administration."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.structs import TopicPartition as ClientPartition

from services.runtime.kafka_security import KafkaSecurity, for_kafka_python

_LATEST, _EARLIEST = -1, -2


class PartitionsDiffer(RuntimeError):
    """A topic has another partition count than wanted; changing it would split the histories of its keys."""


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """What a topic must be. config: Kafka's own names."""

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TopicState:
    """What a topic is. config: what was set for it, the broker's defaults left out."""

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """What `apply_topics` did or would do. action: created, changed, unchanged."""

    name: str
    action: str
    details: tuple[str, ...] = ()


@contextmanager
def admin_client(security: KafkaSecurity) -> Iterator[KafkaAdminClient]:
    """Connect and disconnect again. Raises KafkaError when no broker answers."""
    client = KafkaAdminClient(client_id="sluice-admin", **for_kafka_python(security))
    try:
        yield client
    finally:
        client.close()


def read_topics(client: KafkaAdminClient, names: Sequence[str]) -> dict[str, TopicState]:
    """Return those of names that exist."""
    there = {found["name"]: found["partitions"] for found in client.describe_topics(list(names)) if not found["error_code"]}
    if not there:
        return {}
    configs = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in there])["topic"]
    return {
        name: TopicState(
            name,
            len(partitions),
            min(len(partition["replica_nodes"]) for partition in partitions),
            {
                key: value["value"]
                for key, value in configs.get(name, {}).items()
                if value["config_source"] == "DYNAMIC_TOPIC_CONFIG"
            },
        )
        for name, partitions in there.items()
    }


def differences(wanted: WantedTopic, actual: TopicState | None) -> list[str]:
    """Return in which ways a topic isn't as wanted; what only the broker has set is the operator's business."""
    if actual is None:
        return ["missing"]
    found = [
        f"{name} is {actual.config.get(name, 'unset')}, not {value}"
        for name, value in wanted.config.items()
        if actual.config.get(name) != value
    ]
    if actual.partitions != wanted.partitions:
        found.insert(0, f"{actual.partitions} partitions, not {wanted.partitions}")
    return found


def apply_topics(client: KafkaAdminClient, wanted: Iterable[WantedTopic], *, dry_run: bool = False) -> list[Change]:
    """Create what is missing and set what differs. Repeatable. Raises PartitionsDiffer before anything is changed."""
    wanted = list(wanted)
    actual = read_topics(client, [topic.name for topic in wanted])
    for topic in wanted:
        if topic.name in actual and actual[topic.name].partitions != topic.partitions:
            raise PartitionsDiffer(
                f"{topic.name} has {actual[topic.name].partitions} partitions and should have {topic.partitions}. Changing that would split the "
                "histories of its keys: set SLUICE_KAFKA__PARTITIONS to what is there, or make a new version of the topic and migrate."
            )
    changes = [_change(topic, actual.get(topic.name)) for topic in wanted]
    if not dry_run:
        by_name = {topic.name: topic for topic in wanted}
        _create(client, [by_name[change.name] for change in changes if change.action == "created"])
        _alter(client, [by_name[change.name] for change in changes if change.action == "changed"])
    return changes


def _change(topic: WantedTopic, actual: TopicState | None) -> Change:
    if actual is None:
        return Change(topic.name, "created", (f"{topic.partitions} partitions",))
    found = differences(topic, actual)
    return Change(topic.name, "changed" if found else "unchanged", tuple(found))


def _create(client: KafkaAdminClient, topics: Sequence[WantedTopic]) -> None:
    if topics:
        options = {
            topic.name: {
                "num_partitions": topic.partitions,
                "replication_factor": topic.replication_factor,
                "configs": dict(topic.config),
            }
            for topic in topics
        }
        client.create_topics(options, wait_for_metadata=True)


def _alter(client: KafkaAdminClient, topics: Sequence[WantedTopic]) -> None:
    if topics:
        client.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=dict(topic.config)) for topic in topics]
        )


def record_counts(client: KafkaAdminClient, state: Iterable[TopicState]) -> dict[str, int]:
    """Return how many offsets each topic spans (markers and compacted records included)."""
    partitions = [ClientPartition(topic.name, number) for topic in state for number in range(topic.partitions)]
    if not partitions:
        return {}
    ends = client.list_partition_offsets(dict.fromkeys(partitions, _LATEST))
    begins = client.list_partition_offsets(dict.fromkeys(partitions, _EARLIEST))
    counts: dict[str, int] = {}
    for partition in partitions:
        counts[partition.topic] = counts.get(partition.topic, 0) + ends[partition].offset - begins[partition].offset
    return counts
