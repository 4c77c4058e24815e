"""What `sluice up` starts: which processes, on which ports, with which environment. Pure but for looking for free ports."""

import json
import socket
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from services.cli.processes import ProcessSpec
from services.runtime.embedded import free_port

STATE_FILE = "stack.json"


@dataclass(frozen=True, slots=True)
class Ports:
    """Every port of a stack on this machine; the numbers are the defaults."""

    kafka: int = 9092
    elasticsearch: int = 9200
    ingest: int = 50051
    feeds: int = 50052
    search: int = 50053
    inbox: int = 8080
    demo: int = 8090
    ingest_ops: int = 9101
    refine_ops: int = 9102
    feeds_ops: int = 9103
    search_ops: int = 9104


def choose_ports(data_dir: Path, *, any_free: bool) -> Ports:
    """Return the ports of the last run if they are free, else the defaults, each replaced by a free one where it is taken."""
    if any_free:
        return Ports(**{field.name: free_port() for field in fields(Ports)})
    wanted = Ports()
    state = data_dir / STATE_FILE
    if state.exists():
        wanted = Ports(**json.loads(state.read_text(encoding="utf-8"))["ports"])
    return Ports(**{name: port if _is_free(port) else free_port() for name, port in asdict(wanted).items()})


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def shared_environment(ports: Ports, data_dir: Path, *, kafka: str, elasticsearch: str) -> dict[str, str]:
    """Return the settings that all services of the stack share."""
    return {
        "SLUICE_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "SLUICE_ELASTICSEARCH__URL": elasticsearch,
        "SLUICE_PEERS__INGEST": f"127.0.0.1:{ports.ingest}",
        "SLUICE_PEERS__FEEDS": f"127.0.0.1:{ports.feeds}",
        "SLUICE_PEERS__SEARCH": f"127.0.0.1:{ports.search}",
        "SLUICE_DATA_DIR": str(data_dir),
        "SLUICE_SERVICE_TOKEN_FILE": str(data_dir / "service.jwt"),
    }


def service_specs(ports: Ports, sources_file: Path) -> list[ProcessSpec]:
    """Return the services in the order in which data flows through them; they are stopped in this order, too."""

    def env(name: str, grpc: int, ops: int, **more: str) -> dict[str, str]:
        return {"SLUICE_INSTANCE": f"{name}-0", "SLUICE_GRPC__PORT": str(grpc), "SLUICE_OPS__PORT": str(ops), **more}

    inbox = {"SLUICE_HTTP__PORT": str(ports.inbox), "SLUICE_SOURCES_FILE": str(sources_file)}
    # The simulated channels are on this machine, which a source may otherwise not be.
    inbox |= {"SLUICE_FETCH__ALLOWED_NETWORKS": "127.0.0.0/8"}
    return [
        ProcessSpec("ingest", "services.ingest", (), env("ingest", ports.ingest, ports.ingest_ops, **inbox), ports.ingest_ops),
        ProcessSpec("refine", "services.stream", ("--role", "refine"), env("refine", 0, ports.refine_ops), ports.refine_ops),
        ProcessSpec("feeds", "services.stream", ("--role", "feeds"), env("feeds", ports.feeds, ports.feeds_ops), ports.feeds_ops),
        ProcessSpec(
            "search", "services.search", ("--role", "all"), env("search", ports.search, ports.search_ops), ports.search_ops
        ),
    ]
