"""What the tests of several members share. They need the real servers: `make test-cluster`."""

import os
import pickle
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.runtime.confirmed_sends import build_producer
from tests.cluster.kept import ON_CLUSTER, kept_servers
from tests.cluster.load import Load
from tests.cluster.members import Cluster
from tests.cluster.raw import RawLog

PARTITIONS = 12


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip everything here on the embedded server: it can't tell that a member died."""
    if not ON_CLUSTER:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="it needs Apache Kafka and Elasticsearch: make test-cluster"))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Empty servers with topics and index, and no member yet; those that a test adds are killed at its end.

    What they logged last is shown where the test fails; all of it, and what callers did, goes to the folder that CLUSTER_LOGS names.
    """
    cluster = Cluster(kept_servers(), tmp_path, PARTITIONS)
    yield cluster
    cluster.end()
    for name, member in cluster.members.items():
        print(f"\n{name}: {member.process.log_tail()}")  # noqa: T201 - for whom the test fails
    if folder := os.environ.get("CLUSTER_LOGS"):
        shutil.copytree(tmp_path / "logs", Path(folder) / tmp_path.name, dirs_exist_ok=True)


@pytest.fixture
async def load(cluster: Cluster) -> AsyncIterator[Load]:
    """Callers of the feeds workers that run; not started."""
    producer = build_producer(cluster.settings.kafka.security(), "load")
    await producer.start()
    load = Load(cluster, producer, lambda: cluster.serving("feeds"))
    yield load
    await load.close()
    await producer.stop()
    if folder := os.environ.get("CLUSTER_LOGS"):
        (Path(folder) / "load.pickle").write_bytes(pickle.dumps((load.past, load.reads, load.refusals)))


@pytest.fixture
async def raw_log(cluster: Cluster) -> AsyncIterator[RawLog]:
    """What refine reads, empty."""
    producer = build_producer(cluster.settings.kafka.security(), "raw")
    await producer.start()
    yield RawLog(cluster, producer)
    await producer.stop()
