"""What the deployment sets must be settings that exist, with values that fit together."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.runtime.settings_loading import load_settings, variables

DEPLOY = Path(__file__).parents[3] / "deploy"
KNOWN = {name for name, _ in variables()}


def config_maps(folder: Path) -> Iterator[dict[str, str]]:
    for path in folder.rglob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if document and document.get("kind") == "ConfigMap":
                yield document["data"]


def compose_services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return services


@pytest.mark.parametrize("path", sorted([*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.toml")]), ids=lambda path: path.name)
def test_every_variable_in_a_manifest_is_a_setting(path):
    """A typo would otherwise be found by the service that refuses to start in production."""
    named = set(re.findall(r"SLUICE_[A-Z0-9_]+", path.read_text(encoding="utf-8")))
    assert named <= KNOWN


def test_the_base_settings_load(monkeypatch):
    """The shared ConfigMap is one that every service can start with, once the secret's files are there."""
    (base,) = config_maps(DEPLOY / "k8s" / "base")
    readable = {name: value for name, value in base.items() if not name.endswith("_FILE") or name == "SLUICE_SOURCES_FILE"}
    for name, value in readable.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.kafka.replication_factor == 3
    assert settings.kafka.configured


@pytest.mark.parametrize("name", ["ingest", "refine", "feeds", "search"])
def test_compose_starts_every_service_with_a_stable_name(name):
    """Static membership needs the name, and the command is the module that exists."""
    service = compose_services()[name]
    assert service["environment"]["SLUICE_INSTANCE"] == f"{name}-0"
    module = service["command"][0]
    assert (DEPLOY.parent / module.replace(".", "/") / "__main__.py").exists()


def test_brokers_never_create_topics_by_accident():
    """A topic made by accident has one partition and no settings."""
    assert compose_services()["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


@pytest.mark.parametrize("path", sorted((DEPLOY / "k8s" / "base").glob("*.yaml")), ids=lambda path: path.name)
def test_every_container_is_bounded_and_unprivileged(path):
    """Memory has a limit, the file system is read-only, nothing runs as root."""
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if document.get("kind") not in {"Deployment", "StatefulSet", "Job"}:
            continue
        pod = document["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert container["resources"]["limits"]["memory"]
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
