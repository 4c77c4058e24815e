"""A run: rows in processes of their own, failures told, servers missing."""

import json
import os
from dataclasses import replace

import pytest
from typer.testing import CliRunner

import bench.run
from bench.figures import Figure, Target
from bench.row import Need, Row
from bench.rows import all_rows
from bench.run import Bench
from bench.servers import ServersMissing
from services.cli.__main__ import app

FIGURE = Figure("never_measured", "1/s", Target(at_least=1), "nothing")


def never(_context):
    raise AssertionError("measured in the wrong process")


def test_a_cheap_figure_is_measured_and_reported(tmp_path):
    """The whole way, in a process of its own: three repeats beside three of the ceiling."""
    report = tmp_path / "report.json"
    outcome = CliRunner().invoke(app, ["bench", "--only", "delivery_ns_at_100", "--quick", "--json", str(report)])
    assert outcome.exit_code == 0, outcome.output
    (entry,) = json.loads(report.read_text())
    assert entry["name"] == "delivery_ns_at_100"
    assert entry["repeats"] == len(entry["values"]) == len(entry["ceilings"]) == 3
    assert entry["value"] > entry["ceiling"] > 0
    assert "delivery_ns_at_100" in outcome.stdout


def test_a_row_that_fails_is_told_and_the_others_go_on():
    """What can't be measured says why; the run ends with an error, with what was measured in the report."""
    run = Bench(list[str]().append, quick=True, repeats=1)
    rows = {"no_such_module": Row((FIGURE,), never), "delivery": all_rows()["delivery"]}
    entries = list(run.measure(rows, {"never_measured", "delivery_ns_at_100"}))
    assert [entry["name"] for entry in entries] == ["delivery_ns_at_100"]
    assert "status 1" in run.failures["no_such_module"]


def test_a_row_that_hangs_is_ended():
    """Nothing waits for ever."""
    run = Bench(list[str]().append, quick=True, repeats=1)
    rows = {"delivery": replace(all_rows()["delivery"], seconds=0.01)}
    assert list(run.measure(rows, set())) == []
    assert "not done after 0.01 s" in run.failures["delivery"]


def test_without_java_one_line_says_so_and_no_row_is_tried(monkeypatch):
    """The servers are asked for once, however many rows need them."""

    def missing():
        raise ServersMissing("the benchmarks need a JDK")

    monkeypatch.setattr(bench.run, "running_servers", missing)
    said: list[str] = []
    run = Bench(said.append, quick=True)
    rows = {name: Row((replace(FIGURE, name=name),), never, frozenset({Need.BROKER})) for name in ("one", "two")}
    assert list(run.measure(rows, set())) == []
    assert said.count("the benchmarks need a JDK") == 1
    assert set(run.failures) == {"one", "two"}


def test_outside_a_checkout_the_command_says_what_is_missing(monkeypatch):
    """What is installed from a wheel has no bench/."""

    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="bench")

    monkeypatch.setattr("services.cli.bench_command.import_module", absent)
    outcome = CliRunner().invoke(app, ["bench"])
    assert outcome.exit_code == 2
    assert "checkout" in outcome.output


@pytest.fixture(autouse=True)
def _own_cores():
    """A run binds this process to cores; give them back."""
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)
