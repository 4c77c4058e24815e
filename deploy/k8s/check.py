"""Render deploy/k8s and check every object against the Kubernetes schemas: `make k8s-check`."""

import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import yaml

FOLDER = Path(__file__).resolve().parent
VERSION = "1.34"


def render(folder: Path) -> list[dict[str, object]]:
    """Return the objects that kustomize makes of a folder."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        sys.exit("k8s-check needs kubectl (Debian: kubernetes-client, or the kubectl of your cluster) on PATH")
    done = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False)  # noqa: S603 - our own folder
    if done.returncode:
        sys.exit(f"{folder.name}: {done.stderr}")
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def main() -> None:
    """Check base and every overlay; exit 1 with the object and the place of each mistake."""
    mistakes = 0
    for folder in [FOLDER / "base", *sorted((FOLDER / "overlays").iterdir())]:
        objects = render(folder)
        for item in objects:
            try:
                kubernetes_validate.validate(item, VERSION, strict=True)
            except kubernetes_validate.ValidationError as error:
                mistakes += 1
                name = item.get("metadata", {}).get("name")  # type: ignore[attr-defined] # any YAML
                print(f"{folder.name}: {item.get('kind')} {name}: {'.'.join(map(str, error.path))}: {error.message}")
        print(f"{folder.name}: {len(objects)} objects checked against Kubernetes {VERSION}")
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    main()
