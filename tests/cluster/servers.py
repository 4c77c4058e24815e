"""Apache Kafka and Elasticsearch on this machine, from jars: what the embedded server stands in for.

`python -m tests.cluster.servers` starts both, prints the environment that points Sluice at them, and stops them at Ctrl-C.
`python -m tests.cluster.servers COMMAND…` runs the command in that environment instead and ends with its status.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.runtime.embedded import free_port
from services.runtime.parent_death import die_with_parent
from tests.cluster.jars import HERE, Missing, cached_jars, find_java
from tests.cluster.leaving_nothing import temporary_home

HOST = "127.0.0.1"
START_S = 120.0
STOP_S = 30.0
KAFKA_HEAP = "-Xmx512m"
ELASTICSEARCH_HEAP = "-Xmx1g"
# For servers that live for minutes on few processors: they start in half the processor time, and run slower later.
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
CLUSTER_ID = "c2x1aWNlLWNsdXN0ZXItMQ"


class ServerFailed(RuntimeError):
    """A server ended or stayed silent; the text has the end of its log."""


@dataclass(slots=True)
class Server:
    """One Java process. command: its arguments; log: where its output goes. Restart it by kill() and start()."""

    name: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting until it serves. It dies with the thread that called this."""
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - prctl is all it calls, nothing that locks
            )

    def stop(self) -> None:
        """Ask it to end; kill it after STOP_S. Repeatable."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as the power does."""
        self._end(signal.SIGKILL)

    def alive(self) -> bool:
        """Return whether it runs, not whether it serves."""
        return self.process is not None and self.process.poll() is None

    def check(self) -> None:
        """Raise ServerFailed when it has ended."""
        if not self.alive():
            raise ServerFailed(f"{self.name} ended: {self.log_tail()}")

    def log_tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_bytes()[-3000:].decode(errors="replace") if self.log.exists() else ""

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True, slots=True)
class Servers:
    """Both of them on free ports, with their data under home."""

    kafka: Server
    elasticsearch: Server
    kafka_port: int
    elasticsearch_port: int

    @property
    def bootstrap(self) -> str:
        """Kafka's address, `host:port`."""
        return f"{HOST}:{self.kafka_port}"

    @property
    def elasticsearch_url(self) -> str:
        """Elasticsearch's address."""
        return f"http://{HOST}:{self.elasticsearch_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What points Sluice at them."""
        return {
            "SLUICE_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
            "SLUICE_ELASTICSEARCH__URL": self.elasticsearch_url,
            "SLUICE_ELASTICSEARCH__CORE_ANALYSIS": "true",
        }

    def start(self) -> None:
        """Start both and return when both serve. Raises ServerFailed; stopping what runs then is the caller's."""
        self.kafka.start()
        self.elasticsearch.start()
        self.wait()

    def wait(self) -> None:
        """Return when both serve. Raises ServerFailed."""
        deadline = time.monotonic() + START_S
        for server, serves in ((self.kafka, self._kafka_serves), (self.elasticsearch, self._elasticsearch_serves)):
            while not serves():
                server.check()
                if time.monotonic() > deadline:
                    raise ServerFailed(f"{server.name} did not answer in time: {server.log_tail()}")
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop both. Repeatable."""
        self.kafka.stop()
        self.elasticsearch.stop()

    def _kafka_serves(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((HOST, self.kafka_port)) == 0

    def _elasticsearch_serves(self) -> bool:
        try:
            url = f"{self.elasticsearch_url}/_cluster/health?wait_for_status=yellow"
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def build_servers(home: Path, flags: Sequence[str] = ()) -> Servers:
    """Prepare both servers under home, an empty folder, without starting them. flags: for both JVMs. Raises Missing and ServerFailed."""
    java, jars = [find_java(), *flags], cached_jars()
    kafka_port, elasticsearch_port = free_port(), free_port()
    kafka = Server("Kafka", _kafka_command(java, jars, home / "kafka", kafka_port), home / "kafka.log")
    command = _elasticsearch_command(java, jars, home / "elasticsearch", elasticsearch_port)
    return Servers(kafka, Server("Elasticsearch", command, home / "elasticsearch.log"), kafka_port, elasticsearch_port)


def _kafka_command(java: Sequence[str], jars: Path, home: Path, port: int) -> list[str]:
    """Write the broker's settings and format its log; return how it is started."""
    home.mkdir(parents=True)
    controller = free_port()
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "log.dirs": str(home / "data"),
        "auto.create.topics.enable": "false",
        # The internal topics of the one broker; few partitions, they are opened one by one.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
    }
    file = home / "server.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    base = [*java, KAFKA_HEAP, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}/kafka/*"]
    format_log = [*base, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(file)]
    done = subprocess.run(format_log, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise ServerFailed(f"Kafka's log can't be formatted: {done.stdout[-1000:]} {done.stderr[-1000:]}")
    return [*base, "kafka.Kafka", str(file)]


def _elasticsearch_command(java: Sequence[str], jars: Path, home: Path, port: int) -> list[str]:
    home.mkdir(parents=True)
    (home / "modules").symlink_to(jars / "modules")
    (home / "config").mkdir()
    settings = {
        "path.home": home,
        "path.data": home / "data",
        "path.logs": home / "logs",
        "discovery.type": "single-node",
        "network.host": HOST,
        "http.port": port,
        "transport.port": free_port(),
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }
    flags = ["--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", f"-Des.path.home={home}"]
    source = str(HERE / "ElasticNode.java")
    arguments = [f"{name}={value}" for name, value in settings.items()]
    return [*java, ELASTICSEARCH_HEAP, *flags, "-cp", f"{jars}/elasticsearch/*", source, *arguments]


@contextmanager
def running(home: Path) -> Iterator[Servers]:
    """Run both until the block ends. Raises Missing and ServerFailed."""
    servers = build_servers(home)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


def main(command: Sequence[str]) -> int:
    """Run both servers around a command, or until Ctrl-C; return the command's status."""
    try:
        with temporary_home() as home, running(home) as servers:
            if command:
                return subprocess.run(command, env={**os.environ, **servers.environment}, check=False).returncode
            print("\n".join(f"export {name}={value}" for name, value in servers.environment.items()), flush=True)  # noqa: T201 - its output
            stopped = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stopped.set())
            stopped.wait()
    except (Missing, ServerFailed) as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - its output
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
