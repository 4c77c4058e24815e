"""Making topics what a registry says, and saying where they are not: kafka-python's administration."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from kafka.structs import TopicPartition as ClientPartition

from services.runtime.kafka_security import KafkaSecurity, for_kafka_python

_LATEST, _EARLIEST = -1, -2
_TIMEOUT_MS = 10_000


class TopicRefused(RuntimeError):
    """A topic can't be made as wanted. The text names it and says why."""


class PartitionsDiffer(TopicRefused):
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
    """What `apply_topics` did or would do.

    action: created, changed, unchanged, or differs where the cluster doesn't let it be changed here; details say what and why.
    """

    name: str
    action: str
    details: tuple[str, ...] = ()


@contextmanager
def admin_client(security: KafkaSecurity) -> Iterator[KafkaAdminClient]:
    """Connect and disconnect again. Raises KafkaError when no broker answers."""
    client = KafkaAdminClient(
        client_id="sluice-admin", request_timeout_ms=_TIMEOUT_MS, bootstrap_timeout_ms=_TIMEOUT_MS, **for_kafka_python(security)
    )
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
    found = _fixed_differences(wanted, actual)
    return [
        *found,
        *(f"{name} is {actual.config.get(name, 'unset')}, not {value}" for name, value in _settings(wanted, actual).items()),
    ]


def apply_topics(client: KafkaAdminClient, wanted: Iterable[WantedTopic], *, dry_run: bool = False) -> list[Change]:
    """Create what is missing and set what differs. Repeatable, also by several at once.

    Raises PartitionsDiffer before anything is changed, and TopicRefused where the cluster doesn't take a new topic; those before
    it are there then. A change of settings that the cluster refuses is told in the Change, and the others go on.
    """
    wanted = list(wanted)
    actual = read_topics(client, [topic.name for topic in wanted])
    for topic in wanted:
        _refuse_other_partitions(topic, actual.get(topic.name))
    return [_apply(client, topic, actual.get(topic.name), dry_run=dry_run) for topic in wanted]


def _refuse_other_partitions(topic: WantedTopic, actual: TopicState | None) -> None:
    if actual is not None and actual.partitions != topic.partitions:
        raise PartitionsDiffer(
            f"{topic.name} has {actual.partitions} partitions and should have {topic.partitions}. Changing that would split the "
            "histories of its keys: set SLUICE_KAFKA__PARTITIONS to what is there, or make a new version of the topic and migrate."
        )


def _apply(client: KafkaAdminClient, topic: WantedTopic, actual: TopicState | None, *, dry_run: bool) -> Change:
    if actual is None:
        return _create(client, topic, dry_run=dry_run)
    found = differences(topic, actual)
    settings = _settings(topic, actual)
    refusal = _alter(client, topic.name, settings) if settings and not dry_run else ""
    if refusal or _fixed_differences(topic, actual):
        return Change(topic.name, "differs", (*found, refusal) if refusal else tuple(found))
    return Change(topic.name, "changed" if found else "unchanged", tuple(found))


def _fixed_differences(wanted: WantedTopic, actual: TopicState) -> list[str]:
    """Return what is never changed here: Kafka's own tools reassign replicas, and nobody changes partition counts."""
    found = []
    if actual.partitions != wanted.partitions:
        found.append(f"{actual.partitions} partitions, not {wanted.partitions}")
    if actual.replication_factor != wanted.replication_factor:
        found.append(f"{actual.replication_factor} replicas, not {wanted.replication_factor}")
    return found


def _settings(wanted: WantedTopic, actual: TopicState) -> dict[str, str]:
    return {name: value for name, value in wanted.config.items() if actual.config.get(name) != value}


def _create(client: KafkaAdminClient, topic: WantedTopic, *, dry_run: bool) -> Change:
    options = {"num_partitions": topic.partitions, "replication_factor": topic.replication_factor, "configs": dict(topic.config)}
    # Its exceptions print whole requests; the answer has the broker's reason.
    answer = client.create_topics({topic.name: options}, validate_only=dry_run, raise_errors=False)["topics"][0]
    if answer["error_code"] == TopicAlreadyExistsError.errno:
        # Somebody applies at the same time: what they made counts as there before.
        return apply_topics(client, [topic], dry_run=dry_run)[0]
    if answer["error_code"]:
        reason = answer["error_message"] or for_code(answer["error_code"]).__name__
        raise TopicRefused(f"Kafka does not create {topic.name}: {reason}")
    if not dry_run:
        client.wait_for_topics([topic.name], _TIMEOUT_MS)
    return Change(topic.name, "created", (f"{topic.partitions} partitions",))


def _alter(client: KafkaAdminClient, name: str, settings: Mapping[str, str]) -> str:
    """Set settings; return why the cluster doesn't, or nothing."""
    try:
        answer = client.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, configs=dict(settings))], raise_on_unknown=False
        )
    except KafkaError as error:
        return f"not changed: {type(error).__name__}"
    outcome = answer.get("topic", {}).get(name, "OK")
    return "" if outcome == "OK" else f"not changed: {outcome}"


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
