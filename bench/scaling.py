"""What a number of users needs, computed from the figures of a bench.

`python -m bench.scaling bench/report.json` prints the table of docs/scaling.md.
"""

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_DAY_S = 86_400
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Habits:
    """What users do. Rates are of one user and day; at the peak it is so many times as much."""

    activities: float = 20.0
    reads: float = 50.0
    followers: float = 400.0
    follows: float = 100.0
    active_share: float = 0.3
    entries: int = 800
    activity_bytes: int = 1_500
    peak: float = 3.0


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """Measured, of one core, but edge_bytes: see the memory of relations in docs/scaling.md."""

    delivery_s: float
    broadcast_s: float
    refine_s: float
    read_s: float
    entry_bytes: float
    edge_bytes: float = 40.0


@dataclass(frozen=True, slots=True)
class Need:
    """Cores and bytes of one replica group at the peak."""

    activities_per_s: float
    reads_per_s: float
    refine_cores: float
    delivery_cores: float
    read_cores: float
    reading_all_share: float
    memory_bytes: float
    workers: float
    broadcast_bytes_per_s: float


def unit_costs(report: Mapping[str, float]) -> UnitCosts:
    """Take them from the values of a report, by the names of its rows. Raises KeyError when one is missing."""
    return UnitCosts(
        delivery_s=1 / report["fanout_deliveries_per_s"],
        broadcast_s=1 / report["broadcast_activities_per_s"],
        refine_s=1 / report["refine_activities_per_s"],
        read_s=1 / report["getfeed_qps"],
        entry_bytes=report["timeline_bytes_per_entry"],
    )


def need(users: float, costs: UnitCosts, habits: Habits, *, busy: float = 0.5) -> Need:
    """Return what so many users need when no core is busier than `busy`.

    Every worker reads all activities, so w workers of one core do w·a·broadcast_s + the rest, and the rest is shared:
    w = rest / (busy - a·broadcast_s). Where that share alone reaches `busy` no number of workers is enough: infinity.
    """
    activities = users * habits.activities * habits.peak / _DAY_S
    reads = users * habits.reads * habits.peak / _DAY_S
    delivery = activities * min(habits.followers, users) * costs.delivery_s
    reading = reads * costs.read_s
    share = activities * costs.broadcast_s
    workers = max(1.0, math.ceil((delivery + reading) / (busy - share))) if share < busy else float("inf")
    timelines = users * habits.active_share * habits.entries * costs.entry_bytes
    edges = 2 * users * habits.follows * costs.edge_bytes
    return Need(
        activities_per_s=activities,
        reads_per_s=reads,
        refine_cores=activities * costs.refine_s / busy,
        delivery_cores=delivery,
        read_cores=reading,
        reading_all_share=share,
        memory_bytes=timelines + edges,
        workers=workers,
        broadcast_bytes_per_s=activities * habits.activity_bytes * workers,
    )


def table(costs: UnitCosts, habits: Habits, users: tuple[float, ...] = (1e4, 1e6, 1e7, 1e8)) -> str:
    """Return the table as Markdown."""
    needs = [need(count, costs, habits) for count in users]
    rows = [
        ("activities/s at the peak", [f"{one.activities_per_s:,.0f}" for one in needs]),
        ("page reads/s at the peak", [f"{one.reads_per_s:,.0f}" for one in needs]),
        ("refine, cores", [f"{one.refine_cores:,.1f}" for one in needs]),
        ("deliveries, cores", [f"{one.delivery_cores:,.2f}" for one in needs]),
        ("page reads, cores", [f"{one.read_cores:,.1f}" for one in needs]),
        ("of each worker's core: reading all activities", [f"{one.reading_all_share:.1%}" for one in needs]),
        ("timelines and relations, GB", [f"{one.memory_bytes / _GB:,.1f}" for one in needs]),
        ("feeds workers of one core, half busy", [f"{one.workers:,.0f}" for one in needs]),
        ("read from Kafka by all of them, MB/s", [f"{one.broadcast_bytes_per_s / 1e6:,.0f}" for one in needs]),
    ]
    head = "| | " + " | ".join(f"{count:,.0f} users" for count in users) + " |"
    lines = [head, "|---" * (len(users) + 1) + "|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(values)} |" for name, values in rows)])


def main() -> None:
    """Print the table for a report."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the report
        sys.exit("usage: python -m bench.scaling REPORT.json (as `sluice bench --json REPORT.json` writes it)")
    report = {row["name"]: row["value"] for row in json.loads(Path(sys.argv[1]).read_text())}
    try:
        print(table(unit_costs(report), Habits()))
    except KeyError as error:
        sys.exit(f"the report has no {error.args[0]}: run `sluice bench` for all rows")


if __name__ == "__main__":
    main()
