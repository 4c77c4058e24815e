from typer.testing import CliRunner

from services.cli import topic_commands
from services.cli.__main__ import app
from services.contracts.topics import TOPICS


def no_kafka(_security):
    raise OSError


def test_the_list_never_cuts_a_name(monkeypatch):
    """Names are copied from the list, also on a terminal of 80 columns and while Kafka is away."""
    monkeypatch.setattr(topic_commands.out, "_width", 80)
    monkeypatch.setattr(topic_commands, "admin_client", no_kafka)
    shown = CliRunner().invoke(app, ["topics", "list"])
    assert shown.exit_code == 0
    for topic in TOPICS:
        assert topic.name in shown.stdout.split()


def test_a_program_finds_one_topic_a_line(monkeypatch):
    """`sluice topics list | awk …`: nothing is wrapped where nobody looks."""
    monkeypatch.setattr(topic_commands, "admin_client", no_kafka)
    rows = CliRunner().invoke(app, ["topics", "list"]).stdout.splitlines()[1:]
    assert [row.split()[0] for row in rows] == [topic.name for topic in TOPICS]


def test_the_markdown_catalogue_needs_no_kafka(monkeypatch):
    """It is the registry's; the data teams' page is made from it."""
    monkeypatch.setattr(topic_commands, "admin_client", no_kafka)
    shown = CliRunner().invoke(app, ["topics", "list", "--markdown"])
    rows = shown.stdout.splitlines()[2:]
    assert [row.split("|")[1].strip(" `") for row in rows] == [topic.name for topic in TOPICS]
    assert {row.count("|") for row in shown.stdout.splitlines()} == {8}
