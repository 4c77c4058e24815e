"""A whole Sluice on this machine: embedded servers where none are configured, topics, index, services; start, stop, restart."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from services.cli.layout import Ports, service_specs, shared_environment
from services.cli.processes import ServiceProcess
from services.runtime.embedded import EmbeddedServers
from services.runtime.settings import Settings

READY_S = 60.0
STOP_S = 12.0


class Stack:
    """The processes of one stack. say: called with a sentence about progress."""

    def __init__(self, settings: Settings, ports: Ports, data_dir: Path, sources_file: Path, say: Callable[[str], None]) -> None:
        self.settings, self.ports, self.data_dir = settings, ports, data_dir
        self._say = say
        logs = data_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.embedded = self._embedded_servers()
        kafka = settings.kafka.bootstrap_servers if settings.kafka.configured else f"127.0.0.1:{ports.kafka}"
        elastic = settings.elasticsearch.url if settings.elasticsearch.configured else f"http://127.0.0.1:{ports.elasticsearch}"
        self.environment = {**os.environ, **shared_environment(ports, data_dir, kafka=kafka, elasticsearch=elastic)}
        self.services = {spec.name: ServiceProcess(spec, self.environment, logs) for spec in service_specs(ports, sources_file)}

    def _embedded_servers(self) -> EmbeddedServers | None:
        configured = (self.settings.kafka.configured, self.settings.elasticsearch.configured)
        if all(configured):
            return None
        if any(configured):
            self._say("only one of Kafka and Elasticsearch is configured; the other one comes from the embedded server")
        return EmbeddedServers(self.data_dir / "servers", self.ports.kafka, self.ports.elasticsearch)

    def start_servers(self) -> None:
        """Start the embedded servers where they are needed."""
        if self.embedded:
            self._say("starting Kafka and Elasticsearch (embedded)")
            self.embedded.start()

    def start_services(self) -> None:
        """Start all services at once and wait until each is ready. Raises ProcessFailed."""
        self._say(f"starting {', '.join(self.services)}")
        for service in self.services.values():
            service.start()
        deadline = time.monotonic() + READY_S
        for service in self.services.values():
            service.wait_ready(deadline)

    def restart(self, name: str, *, kill: bool = False) -> float:
        """Restart one service; kill: without asking it. Return the seconds until it was ready again."""
        service = self.services[name]
        if kill:
            service.kill()
        service.stop()
        service.wait(STOP_S)
        start = time.monotonic()
        service.start()
        service.wait_ready(start + READY_S)
        return time.monotonic() - start

    def stop(self) -> None:
        """Stop everything in the order of the stream, so that what was accepted flows out first; servers last."""
        for service in self.services.values():
            service.stop()
        for service in self.services.values():
            service.wait(STOP_S)
        if self.embedded and self.embedded.alive():
            self.embedded.stop()
