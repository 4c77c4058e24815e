"""One embedded server for the whole session of a pytest process, so every xdist worker has its own.

Where the settings name both servers, the tests run on those (see tests/cluster), one after the other.
"""

import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.runtime.embedded import EmbeddedServerError, EmbeddedServers, free_port
from services.runtime.kafka_security import KafkaSecurity, for_aiokafka
from services.runtime.settings_loading import load_settings
from tests.cluster.lent import LentServers

MakeTopic = Callable[..., Awaitable[str]]


@contextmanager
def servers_for_a_test(data_dir) -> Iterator[EmbeddedServers | LentServers]:
    """Give Kafka and Elasticsearch with nothing in them: embedded ones until the block ends, or those that the settings name."""
    settings = load_settings()
    if settings.kafka.configured and settings.elasticsearch.configured:
        lent = LentServers(settings)
        lent.empty()
        yield lent
        return
    server = start_on_free_ports(data_dir)
    yield server
    server.stop()


def start_on_free_ports(data_dir) -> EmbeddedServers:
    """Start a server; another process may snatch a free port before the server binds it, so try again with others."""
    for attempt in range(5):
        server = EmbeddedServers(data_dir, free_port(), free_port())
        try:
            server.start()
        except EmbeddedServerError:
            if attempt == 4:
                raise
        else:
            return server
    raise AssertionError("unreachable")


@pytest.fixture(scope="session")
def embedded(tmp_path_factory) -> Iterator[EmbeddedServers | LentServers]:
    """Kafka and Elasticsearch, shared by the session: take names from `unique`, restart nothing."""
    with servers_for_a_test(tmp_path_factory.mktemp("embedded")) as server:
        yield server


@pytest.fixture
def own_server(tmp_path) -> Iterator[EmbeddedServers | LentServers]:
    """Kafka and Elasticsearch for this test alone, to be killed and restarted at will."""
    with servers_for_a_test(tmp_path / "own-server") as server:
        yield server


@pytest.fixture(scope="session")
def kafka(embedded) -> KafkaSecurity:
    """How clients reach the session's Kafka."""
    return KafkaSecurity(embedded.bootstrap)


@pytest.fixture
def unique() -> str:
    """Return a prefix for topics, groups and indices that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def make_topic(unique) -> MakeTopic:
    """Return what creates a topic under a name of its own."""

    async def make(security: KafkaSecurity, name: str = "in", partitions: int = 1, **config: str) -> str:
        admin = AIOKafkaAdminClient(**for_aiokafka(security))
        await admin.start()
        try:
            topic = f"{unique}.{name}"
            await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config)])
        finally:
            await admin.close()
        return topic

    return make
