"""The rows that there are, and asking for some of them."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bench.rows
from bench.rows import MODULES, UnknownFigure, all_rows, rows_with
from services.cli.__main__ import app

PAGE = Path(__file__).parents[3] / "docs" / "performance.md"


def test_every_module_is_a_row():
    """A row that nobody listed would never be measured."""
    files = {file.stem for file in Path(bench.rows.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(MODULES) == files
    assert len(MODULES) == len(files)


def test_every_figure_has_a_name_of_its_own_a_target_and_a_ceiling():
    """Names are what a report is read by."""
    figures = [figure for row in all_rows().values() for figure in row.figures]
    names = [figure.name for figure in figures]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)
    assert all(str(figure.target) and figure.unit and figure.ceiling for figure in figures)


def test_one_figure_is_asked_for():
    """Its row is measured, no other."""
    assert list(rows_with({"delivery_ns_at_100"})) == ["delivery"]
    assert list(rows_with(set())) == list(MODULES)


def test_an_unknown_figure_is_an_error_that_lists_the_known():
    """A typing error doesn't measure everything, or nothing."""
    with pytest.raises(UnknownFigure, match=r"no figure delivery_ns_at_10; there are .*delivery_ns_at_100"):
        rows_with({"delivery_ns_at_10"})
    outcome = CliRunner().invoke(app, ["bench", "--only", "delivery_ns_at_10"])
    assert outcome.exit_code == 2


def test_the_command_lists_what_it_can_measure():
    """With unit and target, without measuring."""
    outcome = CliRunner().invoke(app, ["bench", "--list"])
    assert outcome.exit_code == 0
    assert re.search(r"delivery_ns_at_100 +ns +≤ 250", outcome.stdout)


def test_the_page_explains_every_figure():
    """What a figure is, what its ceiling is and what bounds it."""
    page = PAGE.read_text(encoding="utf-8")
    assert [
        name for row in all_rows().values() for name in (figure.name for figure in row.figures) if f"`{name}`" not in page
    ] == []
