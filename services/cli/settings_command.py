"""`sluice settings`: every setting there is, with its default."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.table import Table

from services.cli.calls import out
from services.runtime.settings_loading import variables


def settings() -> None:
    """List every environment variable that Sluice reads, with its default."""
    table = Table("variable", "default", box=None)
    for name, field in variables():
        table.add_row(name, _shown(field.default))
    out.print(table)


def _shown(default: Any) -> str:
    if default is None or isinstance(default, BaseModel):
        return ""
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default) if isinstance(default, str | int | float | bool | Path) else ""
