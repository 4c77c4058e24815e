from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from services.cli.layout import Ports
from services.runtime import metrics

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")


def metrics_table() -> Iterator[str]:
    """Yield the lines of the table that services/runtime/metrics.py makes."""
    yield "| metric | type | labels | meaning |"
    yield "|---|---|---|---|"
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            yield f"| `{name}` | {family.type} | {labels} | {family.documentation} |"


def test_the_table_of_metrics_is_complete():
    """The page says what services/runtime/metrics.py says: paste what is missing."""
    table = PAGE.split("<!-- metrics -->")[1].split("<!-- end of metrics -->")[0]
    assert table.strip().splitlines() == list(metrics_table())


def test_the_ports_are_those_of_make_run():
    """Probes are written from this page."""
    assert [name for name, port in asdict(Ports()).items() if str(port) not in PAGE] == []
