"""The topics, the index, the keys and the settings of one row."""

import json
import os
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from bench.row import Context
from services.cli.apply import apply_index, apply_topics
from services.cli.processes import ProcessSpec, ServiceProcess
from services.runtime.embedded import free_port
from services.runtime.kafka_admin import admin_client
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.settings import ElasticsearchSettings, KafkaSettings, Settings
from services.runtime.token_issuer import EmbeddedIssuer

PARTITIONS = 8
_TOKEN_S = 6 * 3600


class House:
    """What the processes of a row share. Opening it empties the servers: they are the bench's own."""

    def __init__(self, context: Context, *, partitions: int = PARTITIONS) -> None:
        self.context = context
        self.data_dir: Path = context.folder / "data"
        self.security = KafkaSecurity(context.bootstrap)
        self.issuer = EmbeddedIssuer.in_folder(self.data_dir)
        self.issuer.ensure_key()
        self.logs: Path = context.folder / "logs"
        self.logs.mkdir()
        self.settings = Settings(
            kafka=KafkaSettings(bootstrap_servers=context.bootstrap, partitions=partitions),
            elasticsearch=ElasticsearchSettings(url=context.elasticsearch_url, core_analysis=True),
            data_dir=self.data_dir,
        )
        self._empty()
        apply_topics(self.settings)

    def make_index(self) -> None:
        """Create the index and its aliases."""
        apply_index(self.settings)

    def token(self, user: str, *, roles: Sequence[str] = ()) -> str:
        """Return a token that is good for the whole run. user: without `person:`."""
        return self.issuer.issue(user, employee=True, roles=roles, ttl_s=_TOKEN_S)

    def environment(self, instance: str, **more: object) -> dict[str, str]:
        """Return the settings of a process. more: such as `SLUICE_GRPC__PORT`."""
        return {
            "SLUICE_KAFKA__BOOTSTRAP_SERVERS": self.security.bootstrap,
            "SLUICE_ELASTICSEARCH__URL": self.context.elasticsearch_url,
            "SLUICE_ELASTICSEARCH__CORE_ANALYSIS": "true",
            "SLUICE_DATA_DIR": str(self.data_dir),
            "SLUICE_INSTANCE": instance,
            "SLUICE_SERVICE_TOKEN": self.token("services", roles=["service"]),
            **{name: str(value) for name, value in more.items()},
        }

    def _empty(self) -> None:
        with admin_client(self.security) as client:
            # Two underscores: Kafka's own.
            names = [name for name in client.list_topics() if not name.startswith("__")]
            if names:
                client.delete_topics(names)
        for index in json.loads(self._elastic("GET", "_cat/indices?format=json")):
            self._elastic("DELETE", index["index"])

    def _elastic(self, method: str, path: str) -> bytes:
        url = f"{self.context.elasticsearch_url}/{path}"
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60) as answer:  # noqa: S310 - loopback
            return bytes(answer.read())


def service(house: House, name: str, module: str, arguments: Sequence[str], environment: dict[str, str]) -> ServiceProcess:
    """Return one of the real services, not started. It is ready when its probe says so."""
    ops = free_port()
    spec = ProcessSpec(name, module, arguments, {**environment, "SLUICE_OPS__PORT": str(ops)}, ops)
    return ServiceProcess(spec, os.environ, house.logs)
