"""`sluice bench`: how fast this machine runs Sluice. What is measured lives in bench/, which only a checkout has."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from services.cli.calls import err, out

REPORT = Path("bench/report.json")


def bench(
    only: Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="measure this figure; may be repeated")] = None,
    json_file: Annotated[Path, typer.Option("--json", metavar="FILE", help="where the report goes")] = REPORT,
    markdown_file: Annotated[Path | None, typer.Option("--markdown", metavar="FILE", help="write a table, too")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="small sizes: a look in under five minutes, not a verdict")] = False,
    list_figures: Annotated[bool, typer.Option("--list", help="say what can be measured, and measure nothing")] = False,
) -> None:
    """Measure each figure beside its ceiling, three times; print a table and write a report. See docs/performance.md."""
    rows, report, run = _room("rows"), _room("report"), _room("run")
    wanted = set(only or ())
    try:
        chosen = rows.rows_with(wanted)
    except rows.UnknownFigure as error:
        err.print(f"[red]{error}[/red]")
        raise typer.Exit(2) from None
    if list_figures:
        for figure in (figure for row in chosen.values() for figure in row.figures):
            out.print(report.target_line(figure, figure.target), markup=False)
        return
    bench_run = run.Bench(say=lambda text: err.print(f"  {text}", style="dim", markup=False), quick=quick)
    entries = []
    out.print(report.heading(), markup=False)
    for entry in bench_run.measure(chosen, wanted):
        entries.append(entry)
        out.print(report.line_of(entry))
        # Written as they come: a run that is interrupted has measured something.
        report.write_report(json_file, entries)
    if markdown_file is not None:
        markdown_file.write_text(report.markdown(entries), encoding="utf-8")
    for name, reason in bench_run.failures.items():
        err.print(f"[red]{name} was not measured: {reason}[/red]")
    if bench_run.failures:
        raise typer.Exit(1)


def _room(name: str) -> ModuleType:
    try:
        return import_module(f"bench.{name}")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("bench"):
            raise
        err.print(
            "[red]sluice bench measures from a checkout of Sluice, and bench/ is not here: run it there, or `make bench`[/red]"
        )
        raise typer.Exit(2) from None
