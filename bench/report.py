"""The report: a list of figures as JSON, a line each on the screen, a table for docs/performance.md."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.figures import Figure, Measured, Target
from bench.machine import Machine

Entry = dict[str, Any]
_WIDTHS = (34, 12, 12, 8)


def entry_of(figure: Figure, measured: Measured, machine: Machine) -> Entry:
    """Return a figure as the report has it."""
    target = figure.target
    return {
        "name": figure.name,
        "value": measured.value,
        "unit": figure.unit,
        "ceiling": measured.ceiling,
        "ratio": measured.ratio,
        "repeats": len(measured.values),
        "machine": machine,
        "target": str(target),
        "met": target.met(measured.value, measured.ratio),
        "ceiling_is": figure.ceiling,
        "values": list(measured.values),
        "ceilings": list(measured.ceilings),
        "notes": measured.notes,
    }


def write_report(file: Path, entries: Iterable[Entry]) -> None:
    """Write the report as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(list(entries), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def heading() -> str:
    """Return the first line of the table on the screen."""
    return _line(("figure", "value", "ceiling", "ratio"), "target")


def line_of(entry: Mapping[str, Any]) -> str:
    """Return one figure's line, in rich's markup."""
    verdict = "[green]met[/green]" if entry["met"] else "[red]missed[/red]"
    cells = (entry["name"], number(entry["value"]), number(entry["ceiling"]), f"{entry['ratio']:.2f}")
    return _line(cells, f"{entry['target']}  {verdict}")


def markdown(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the figures as a table of a page."""
    lines = ["| figure | value | ceiling | ratio | target | |", "|---|---:|---:|---:|---|---|"]
    lines += [
        f"| `{entry['name']}` | {number(entry['value'])} {entry['unit']} | {number(entry['ceiling'])} | {entry['ratio']:.2f} "
        f"| {entry['target']} | {'met' if entry['met'] else 'missed'} |"
        for entry in entries
    ]
    return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """Return a figure for people: three digits, four where it begins with a small one."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:  # noqa: PLR2004 - from here on digits are grouped
        return f"{float(f'{value:.4g}'):,.0f}"
    return f"{value:.3g}"


def target_line(figure: Figure, target: Target) -> str:
    """Return what a figure is and must reach, for `--list`."""
    return f"{figure.name:{_WIDTHS[0]}} {figure.unit:16} {target}"


def _line(cells: tuple[str, ...], last: str) -> str:
    first, *others = cells
    padded = [first.ljust(_WIDTHS[0]), *(cell.rjust(width) for cell, width in zip(others, _WIDTHS[1:], strict=True))]
    return f"{' '.join(padded)}  {last}"
