"""The rows, in the order in which they are measured: those without servers first."""

from importlib import import_module
from types import ModuleType

from bench.row import Row

MODULES = (
    "delivery",
    "reading",
    "ranking",
    "rolling",
    "counts",
    "fanout",
    "broadcast",
    "refine",
    "serving",
    "watching",
    "marks",
    "million",
    "visible",
    "history",
    "takeover",
)


class UnknownFigure(ValueError):
    """No row has a figure of that name; the text lists those there are."""


def all_rows() -> dict[str, Row]:
    """Return every row by the name of its module."""
    return {name: row_in(import_module(f"{__name__}.{name}")) for name in MODULES}


def row_in(module: ModuleType) -> Row:
    """Return the row that a module declares."""
    row: Row = module.ROW
    return row


def rows_with(names: set[str]) -> dict[str, Row]:
    """Return the rows that have any of these figures; all rows for no names. Raises UnknownFigure."""
    rows = all_rows()
    known = {figure.name for row in rows.values() for figure in row.figures}
    if unknown := sorted(names - known):
        raise UnknownFigure(f"no figure {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return {name: row for name, row in rows.items() if not names or any(figure.name in names for figure in row.figures)}
