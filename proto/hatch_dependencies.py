"""Read the distribution's dependencies from requirements/main.in, the one place that lists them."""

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class DependenciesHook(MetadataHookInterface):
    """Fill `project.dependencies` at build time."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `dependencies` in metadata in place."""
        lines = (Path(self.root) / "requirements" / "main.in").read_text(encoding="utf-8").splitlines()
        metadata["dependencies"] = [line for line in lines if line and not line.startswith("#")]
