"""A Sluice of several members on this machine: real processes on real servers, to be killed, stopped and continued."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from services.cli.apply import apply_index, apply_topics
from services.cli.connection import issuer_of
from services.cli.processes import ProcessSpec, ServiceProcess
from services.runtime.embedded import free_port
from services.runtime.settings import ElasticsearchSettings, KafkaSettings, Settings
from tests.cluster.kept import KeptServers

READY_S = 90.0
END_S = 30.0
# The shortest that brokers allow by default.
SESSION_S = 6.0


@dataclass(slots=True)
class Member:
    """One process with a stable name and stable ports."""

    name: str
    address: str
    process: ServiceProcess
    serving: bool = False

    def start(self) -> None:
        """Start it, without waiting. Call from the main thread."""
        self.process.start()

    def wait_ready(self) -> None:
        """Return when it is ready; from then on callers are sent to it. Raises ProcessFailed."""
        self.process.wait_ready(time.monotonic() + READY_S)
        self.serving = True

    def kill(self) -> None:
        """End it with -9."""
        self.serving = False
        self.process.kill()

    def stop(self) -> None:
        """Let it stand still, as it would on a machine that is frozen."""
        os.kill(self.process.pid, signal.SIGSTOP)
        self.serving = False

    def go_on(self) -> None:
        """Let it go on; callers are sent to it at once."""
        self.serving = True
        os.kill(self.process.pid, signal.SIGCONT)

    def terminate(self) -> int:
        """Ask it to end and return its exit status."""
        self.serving = False
        self.process.stop()
        return self.process.wait(END_S)


@dataclass(slots=True)
class Cluster:
    """Members by name, on empty servers with topics and index. home: keys, logs."""

    servers: KeptServers
    home: Path
    partitions: int
    members: dict[str, Member] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        issuer = issuer_of(self.settings)
        issuer.ensure_key()
        (self.home / "service.jwt").write_text(issuer.issue("services", roles=["service"], ttl_s=3600), encoding="utf-8")
        (self.home / "logs").mkdir()
        apply_topics(self.settings)
        apply_index(self.settings)
        self.shared |= self.servers.environment | {
            "SLUICE_DATA_DIR": str(self.home),
            "SLUICE_SERVICE_TOKEN_FILE": str(self.home / "service.jwt"),
            "SLUICE_KAFKA__PARTITIONS": str(self.partitions),
            "SLUICE_KAFKA__SESSION_TIMEOUT_S": str(SESSION_S),
        }

    @property
    def settings(self) -> Settings:
        """What a client in this process is built from."""
        return Settings(
            kafka=KafkaSettings(bootstrap_servers=self.servers.bootstrap, partitions=self.partitions),
            elasticsearch=ElasticsearchSettings(url=self.servers.elasticsearch_url, core_analysis=True),
            data_dir=self.home,
        )

    def token(self, user: str, *, roles: tuple[str, ...] = ()) -> str:
        """Return an employee's token."""
        return issuer_of(self.settings).issue(user, employee=True, roles=roles)

    def add(self, name: str, module: str, *arguments: str, **environment: str) -> Member:
        """Prepare a member; it isn't started. environment: settings without their prefix."""
        ops = free_port()
        own = {"INSTANCE": name, "GRPC__PORT": str(free_port()), "OPS__PORT": str(ops)} | environment
        spec = ProcessSpec(name, module, arguments, {f"SLUICE_{key}": value for key, value in own.items()}, ops)
        process = ServiceProcess(spec, {**os.environ, **self.shared}, self.home / "logs")
        member = self.members[name] = Member(name, f"127.0.0.1:{own['GRPC__PORT']}", process)
        return member

    def add_search(self, name: str = "search-0", role: str = "all") -> Member:
        """Prepare a search member; what is added afterwards asks it for history."""
        member = self.add(name, "services.search", "--role", role)
        if role != "indexer":
            self.shared["SLUICE_PEERS__SEARCH"] = member.address
        return member

    def add_feeds(self, name: str, **environment: str) -> Member:
        """Prepare a feeds worker."""
        return self.add(name, "services.stream", "--role", "feeds", **environment)

    def add_refine(self, name: str) -> Member:
        """Prepare a refine worker."""
        return self.add(name, "services.stream", "--role", "refine")

    def start(self, *members: Member) -> None:
        """Start members and return when all are ready."""
        for member in members:
            member.start()
        for member in members:
            member.wait_ready()

    def serving(self, kind: str) -> list[Member]:
        """Return the members whose name begins so and that callers are sent to, as a load balancer would."""
        return [member for name, member in self.members.items() if name.startswith(kind) and member.serving]

    def end(self) -> None:
        """Kill everything."""
        for member in self.members.values():
            member.kill()

    def log_of(self, name: str) -> str:
        """Return a member's log."""
        return self.members[name].process.log_file.read_text(encoding="utf-8", errors="replace")
