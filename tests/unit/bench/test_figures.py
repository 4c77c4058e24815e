"""Medians, ratios, targets and the shape of the report."""

import json

import pytest

from bench.cores import choose_cores
from bench.figures import Figure, Measured, Target
from bench.machine import describe_machine
from bench.repeats import in_turn
from bench.report import entry_of, heading, line_of, markdown, number, write_report

FIGURE = Figure("reads_per_s", "1/s", Target(at_least=100, ratio_at_least=0.5), "a bare read")


def test_the_median_counts():
    """One slow repeat changes nothing; the ratio is that of the medians."""
    measured = Measured([10, 200, 220], [400, 420, 5])
    assert (measured.value, measured.ceiling, measured.ratio) == (200, 400, 0.5)


def test_a_figure_without_its_ceiling_is_none():
    """A repeat whose ceiling wasn't taken can't be judged."""
    with pytest.raises(ValueError, match="beside"):
        Measured([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="beside"):
        Measured([], [])


def test_value_and_ceiling_are_taken_in_turn():
    """A machine that becomes slow halfway slows both."""
    taken = []
    in_turn(3, lambda: taken.append("value") or 1.0, lambda: taken.append("ceiling") or 1.0)
    assert taken == ["value", "ceiling"] * 3


@pytest.mark.parametrize(
    ("target", "value", "ratio", "met"),
    [
        (Target(at_least=4), 4.0, 0.0, True),
        (Target(at_least=4), 3.9, 9.0, False),
        (Target(at_most=60), 60.0, 0.0, True),
        (Target(at_most=60), 60.1, 0.0, False),
        (Target(ratio_at_least=0.6), 0.0, 0.6, True),
        (Target(at_least=4, ratio_at_least=0.6), 5.0, 0.59, False),
        (Target(), 0.0, 0.0, True),
    ],
)
def test_a_target_is_met_when_all_of_it_is(target, value, ratio, met):
    """Value and ratio both count."""
    assert target.met(value, ratio) is met


def test_a_target_reads_well():
    """As the issue writes it."""
    assert str(Target(at_least=4_000_000, ratio_at_least=0.6)) == "≥ 4 million, ≥ 60% of its ceiling"
    assert str(Target(at_most=1_000)) == "≤ 1,000"


def test_an_entry_has_what_the_report_promises(tmp_path):
    """Name, value, unit, ceiling, ratio, number of repeats, machine; all of it JSON."""
    machine = describe_machine(choose_cores(), quick=True)
    entry = entry_of(FIGURE, Measured([99, 101, 103], [200, 202, 204]), machine)
    write_report(tmp_path / "deep" / "report.json", [entry])
    (read,) = json.loads((tmp_path / "deep" / "report.json").read_text())
    assert {name: read[name] for name in ("name", "value", "unit", "ceiling", "ratio", "repeats")} == {
        "name": "reads_per_s",
        "value": 101,
        "unit": "1/s",
        "ceiling": 202,
        "ratio": 0.5,
        "repeats": 3,
    }
    assert read["machine"]["cores"] >= 1
    assert read["machine"]["quick"] is True
    assert read["met"] is True
    assert read["values"] == [99, 101, 103]


def test_the_tables_say_whether_a_target_was_met():
    """On the screen and in the page."""
    machine = describe_machine(choose_cores(), quick=False)
    missed = entry_of(FIGURE, Measured([50.0], [200.0]), machine)
    assert "missed" in line_of(missed)
    assert line_of(missed).index("50") < line_of(missed).index("200")
    assert heading().split()[:4] == ["figure", "value", "ceiling", "ratio"]
    assert "| `reads_per_s` | 50 1/s | 200 | 0.25 | ≥ 100, ≥ 50% of its ceiling | missed |" in markdown([missed])


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.0333, "0.0333"), (59.96, "60"), (1234.5, "1,234"), (25_712_345, "25,710,000")]
)
def test_a_number_has_few_digits(value, shown):
    """Nobody believes more."""
    assert number(value) == shown
