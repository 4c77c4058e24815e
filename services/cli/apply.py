"""Making topics and index what their registries say, and saying where they are not."""

import asyncio

from elastic_transport import TransportError
from elasticsearch import ApiError, NotFoundError

from services.contracts.indices import Index, activities_index
from services.contracts.topics import TOPICS, Cleanup, Size, Topic
from services.runtime.elastic import build_client
from services.runtime.kafka_admin import Change, WantedTopic, admin_client, differences, read_topics
from services.runtime.kafka_admin import apply_topics as apply
from services.runtime.settings import Settings
from services.search.index_admin import IndexReport, describe_index
from services.search.index_admin import apply_index as apply_to


def wanted_topic(topic: Topic, settings: Settings) -> WantedTopic:
    """Return what a topic of the registry must be with these settings."""
    kafka = settings.kafka
    config = topic.config() | {"min.insync.replicas": str(kafka.min_insync_replicas)}
    partitions = kafka.partitions if topic.size is Size.WIDE else 1
    return WantedTopic(topic.name, partitions, kafka.replication_factor, config)


def apply_topics(settings: Settings, *, dry_run: bool = False) -> list[Change]:
    """Create and change topics. Raises PartitionsDiffer and KafkaError."""
    with admin_client(settings.kafka.security()) as client:
        return apply(client, [wanted_topic(topic, settings) for topic in TOPICS], dry_run=dry_run)


def topic_problems(settings: Settings) -> list[str]:
    """Return where topics are not as the registry says. Raises KafkaError."""
    with admin_client(settings.kafka.security()) as client:
        actual = read_topics(client, [topic.name for topic in TOPICS])
        found = {topic.name: differences(wanted_topic(topic, settings), actual.get(topic.name)) for topic in TOPICS}
    return [f"{name}: {', '.join(ways)}" for name, ways in found.items() if ways]


def index_of(settings: Settings) -> Index:
    """Return the index that these settings ask for."""
    elastic = settings.elasticsearch
    return activities_index(shards=elastic.shards, replicas=elastic.replicas, core=elastic.core_analysis)


def apply_index(settings: Settings) -> IndexReport:
    """Create the index and its aliases. Raises ApiError and TransportError."""

    async def run() -> IndexReport:
        client = build_client(settings.elasticsearch)
        try:
            return await apply_to(client, index_of(settings))
        finally:
            await client.close()

    return asyncio.run(run())


def index_problems(settings: Settings) -> str:
    """Return what is wrong with the index, empty when nothing is. Raises ConnectionError when the server doesn't answer."""

    async def run() -> str:
        client = build_client(settings.elasticsearch)
        try:
            return (await describe_index(client, index_of(settings))).advice
        except NotFoundError:
            return f"{index_of(settings).name} is missing"
        except TransportError as error:
            raise ConnectionError(type(error).__name__) from None
        except ApiError as error:
            raise ConnectionError(str(error.error)[:80]) from None
        finally:
            await client.close()

    return asyncio.run(run())


def retention_of(topic: Topic) -> str:
    """Say how long a topic keeps what is in it."""
    if topic.cleanup is Cleanup.COMPACT:
        return "the last record of each key"
    return f"{topic.retention_ms // 86_400_000} days"
