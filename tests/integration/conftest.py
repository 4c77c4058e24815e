"""Servers for the whole session of a pytest process, so every xdist worker has its own.

By default embedded ones; with `make test-cluster` Apache Kafka and Elasticsearch (see tests/cluster).
"""

import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from aiokafka.admin import NewTopic

from services.runtime.embedded import EmbeddedServerError, EmbeddedServers, free_port
from services.runtime.kafka_security import KafkaSecurity
from tests.cluster.kept import ON_CLUSTER, KeptServers, kept_servers
from tests.integration.runtime.kafka_steps import create

MakeTopic = Callable[..., Awaitable[str]]


@contextmanager
def servers_for_a_test(data_dir, *, both: bool = False) -> Iterator[EmbeddedServers | KeptServers]:
    """Give Kafka and Elasticsearch with nothing in them, to be killed and restarted at will until the block ends.

    both: Elasticsearch as well; otherwise it may be that only Kafka goes.
    """
    if ON_CLUSTER:
        servers = kept_servers(both=both)
        try:
            yield servers
        finally:
            # The session's other tests have no others.
            servers.start()
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
def embedded(tmp_path_factory) -> Iterator[EmbeddedServers | KeptServers]:
    """Kafka and Elasticsearch, shared by the session: take names from `unique`, restart nothing."""
    with servers_for_a_test(tmp_path_factory.mktemp("embedded")) as server:
        yield server


@pytest.fixture
def own_server(tmp_path) -> Iterator[EmbeddedServers | KeptServers]:
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
        topic = f"{unique}.{name}"
        await create(security, NewTopic(topic, partitions, 1, topic_configs=config))
        return topic

    return make
