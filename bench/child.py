"""`python -m bench.child FILE`: measure one row in a process of its own, as FILE (JSON) says, and write what came out beside it.

A row leaves gigabytes and registries behind; the next one must not pay for them.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.cores import Cores
from bench.figures import Measured
from bench.row import Context
from bench.rows import row_in


def order(module: str, context: Context) -> dict[str, Any]:
    """Return what a child must know."""
    return {
        "module": module,
        "quick": context.quick,
        "folder": str(context.folder),
        "measured": context.cores.measured,
        "load": list(context.cores.load),
        "bootstrap": context.bootstrap,
        "elasticsearch_url": context.elasticsearch_url,
        "repeats": context.repeats,
        "wanted": sorted(context.wanted),
    }


def context_of(said: Mapping[str, Any]) -> Context:
    """Return the context that an order describes."""
    return Context(
        quick=said["quick"],
        folder=Path(said["folder"]),
        cores=Cores(said["measured"], tuple(said["load"])),
        say=lambda text: print(text, file=sys.stderr, flush=True),
        bootstrap=said["bootstrap"],
        elasticsearch_url=said["elasticsearch_url"],
        repeats=said["repeats"],
        wanted=frozenset(said["wanted"]),
    )


def outcome_file(order_file: Path) -> Path:
    """Return where a child writes what came out."""
    return order_file.with_suffix(".outcome.json")


def outcome(file: Path) -> dict[str, Measured]:
    """Read what a child wrote."""
    return {name: Measured(**fields) for name, fields in json.loads(file.read_text(encoding="utf-8")).items()}


def main() -> None:
    """Measure and write."""
    file = Path(sys.argv[1])
    said = json.loads(file.read_text(encoding="utf-8"))
    row = row_in(import_module(f"bench.rows.{said['module']}"))
    measured = row.run(context_of(said))
    outcome_file(file).write_text(json.dumps({name: asdict(result) for name, result in measured.items()}), encoding="utf-8")


if __name__ == "__main__":
    main()
