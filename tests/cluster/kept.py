"""The servers of one test process: Apache Kafka and Elasticsearch, started once, emptied for every test that wants its own."""

import asyncio
import json
import os
import tempfile
import time
import urllib.request
from pathlib import Path

from kafka.admin import KafkaAdminClient, MemberToRemove

from services.runtime.kafka_admin import admin_client
from services.runtime.kafka_security import KafkaSecurity
from tests.cluster.leaving_nothing import MARK
from tests.cluster.servers import SHORT_LIVED, Server, Servers, build_servers

#: Set by `python -m tests.cluster`: the suites run on these servers instead of the embedded one.
ON_CLUSTER = os.environ.get("TESTS_RUN_ON") == "cluster"
_EMPTY_S = 30.0


class KeptServers:
    """What a test sees of both, by the names that the embedded server has.

    It may stop, kill and start them: Kafka alone, whose return takes a fraction of the time, unless both is set. The processes belong to
    the thread that started them.
    """

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self.both = False
        self.bootstrap = servers.bootstrap
        self.elasticsearch_url = servers.elasticsearch_url
        self.kafka_port = servers.kafka_port
        self.elasticsearch_port = servers.elasticsearch_port
        self.environment = servers.environment

    @property
    def pid(self) -> int | None:
        """Kafka's process id; None before start() and after stop()."""
        process = self._servers.kafka.process
        return process.pid if process is not None else None

    def alive(self) -> bool:
        """Return whether Kafka runs."""
        return self._servers.kafka.alive()

    def start(self) -> None:
        """Start what doesn't run and return when both serve. Raises ServerFailed."""
        self._launch()
        self._servers.wait()

    async def start_async(self) -> None:
        """Do what start() does without blocking the loop."""
        self._launch()
        await asyncio.to_thread(self._servers.wait)

    def stop(self) -> None:
        """Ask them to end. Repeatable."""
        for server in self._stopping():
            server.stop()

    async def stop_async(self) -> None:
        """Do what stop() does without blocking the loop."""
        await asyncio.to_thread(self.stop)

    def kill(self) -> None:
        """End them as the power does. What they acknowledged is there again after start()."""
        for server in self._stopping():
            server.kill()

    def end(self) -> None:
        """Kill both."""
        self.both = True
        self.kill()

    def empty(self) -> None:
        """Delete every topic, group and index: the test that comes uses the registry's names."""
        with admin_client(KafkaSecurity(self.bootstrap)) as client:
            # Two underscores: Kafka's own.
            names = [name for name in client.list_topics() if not name.startswith("__")]
            if names:
                client.delete_topics(names)
            _delete_groups(client)
        for index in json.loads(self._call("GET", "_cat/indices?format=json")):
            self._call("DELETE", index["index"])

    def _launch(self) -> None:
        for server in (self._servers.kafka, self._servers.elasticsearch):
            if not server.alive():
                server.start()

    def _stopping(self) -> tuple[Server, ...]:
        return (self._servers.kafka, self._servers.elasticsearch) if self.both else (self._servers.kafka,)

    def _call(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(f"{self.elasticsearch_url}/{path}", method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return bytes(answer.read())


def _delete_groups(client: KafkaAdminClient) -> None:
    """Delete all groups. A static member stays until its session ends; the next one of its name would get its partitions."""
    deadline = time.monotonic() + _EMPTY_S
    while groups := [group["group_id"] for group in client.list_groups()]:
        for name, group in client.describe_groups(groups).items():
            members = [MemberToRemove(member["member_id"], member["group_instance_id"]) for member in group["members"]]
            client.remove_group_members(name, members)
        client.delete_groups(groups)
        assert time.monotonic() < deadline, f"{groups} can't be deleted"


class _OfThisProcess:
    """The one pair of servers that this test process has."""

    servers: KeptServers | None = None


def kept_servers(*, both: bool = False) -> KeptServers:
    """Return this process's servers, running and empty. both: stopping means both. Call from the main thread.

    Raises Missing and ServerFailed.
    """
    if _OfThisProcess.servers is None:
        home = Path(tempfile.mkdtemp(prefix="servers-", dir=os.environ[MARK]))
        _OfThisProcess.servers = KeptServers(build_servers(home, SHORT_LIVED))
    servers = _OfThisProcess.servers
    servers.both = both
    servers.start()
    servers.empty()
    return servers


def end_servers() -> None:
    """Kill this process's servers, if it has any; their data go with the run's folder."""
    servers, _OfThisProcess.servers = _OfThisProcess.servers, None
    if servers is not None:
        servers.end()
