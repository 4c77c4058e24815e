from pathlib import Path

from services.cli.topic_commands import catalogue
from services.contracts import cloud_events

PAGE = (Path(__file__).parents[3] / "docs" / "topics.md").read_text(encoding="utf-8")


def test_the_table_is_the_registry():
    """The page can't say anything else than `sluice topics list --markdown`: paste its output where they differ."""
    table = PAGE.split("<!-- catalogue -->")[1].split("<!-- end of catalogue -->")[0]
    assert table.strip().splitlines() == catalogue()


def test_every_event_type_and_header_is_explained():
    """Consumers filter by them."""
    types = {value for name, value in vars(cloud_events).items() if name.isupper() and isinstance(value, str)}
    headers = {name for name, _ in cloud_events.cloud_event(event_type="", event_id="", source="", subject="", time_ms=0)}
    assert "sluice_reason" in types
    assert [name for name in types | headers if f"`{name}`" not in PAGE] == []
