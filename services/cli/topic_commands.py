"""`sluice topics apply|list|describe|tail`: the data teams' product."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Annotated

import orjson
import typer
from aiokafka.errors import KafkaError as ClientError
from kafka.errors import KafkaError
from rich.table import Column, Table

from services.cli.apply import apply_topics, retention_of, wanted_topic
from services.cli.calls import err, out
from services.cli.connection import settings_here
from services.cli.record_lines import line_of
from services.contracts.topics import TOPICS, Size, topic_named
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.follow import Follower
from services.runtime.kafka_admin import TopicRefused, admin_client, read_topics, record_counts
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Record, TopicPartition

app = typer.Typer(no_args_is_help=True, help="Kafka topics: the catalogue, and what is in them.")
Name = Annotated[str, typer.Argument(help="such as sluice.activities.v1")]


@app.command()
def apply(dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would change, and change nothing")] = False) -> None:
    """Create missing topics and set what differs. Repeatable; refuses to change a partition count."""
    settings = settings_here()
    try:
        changes = apply_topics(settings, dry_run=dry_run)
    except TopicRefused as error:
        err.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from None
    except (KafkaError, OSError) as error:
        _away(error)
    for change in changes:
        out.print(f"{change.action:10} {change.name} {'; '.join(change.details)}", markup=False)


@app.command("list")
def list_(
    markdown: Annotated[bool, typer.Option("--markdown", help="the catalogue alone, as the table of docs/topics.md")] = False,
) -> None:
    """List the catalogue, with how much is in each topic."""
    if markdown:
        print("\n".join(catalogue()))
        return
    settings = settings_here()
    counts: dict[str, int] = {}
    try:
        with admin_client(settings.kafka.security()) as client:
            states = read_topics(client, [topic.name for topic in TOPICS])
            counts = record_counts(client, states.values())
    except (KafkaError, OSError) as error:
        err.print(
            f"[yellow]without counts: Kafka does not answer at {settings.kafka.bootstrap_servers} ({type(error).__name__})[/yellow]"
        )
        states = {}
    # Somebody copies the name from here, so it is never cut; the other columns give way.
    name = Column("topic", no_wrap=True)
    table = Table(name, "partitions", "offsets", "keeps", "producers", "consumers", box=None)
    for topic in TOPICS:
        state = states.get(topic.name)
        partitions = str(state.partitions) if state else "missing"
        table.add_row(
            topic.name,
            partitions,
            str(counts.get(topic.name, "")),
            retention_of(topic),
            ", ".join(topic.producers),
            ", ".join(topic.consumers),
        )
    out.print(table)


def catalogue() -> list[str]:
    """Return the registry as the lines of a Markdown table. Asks no server."""
    lines = ["| topic | key | value | keeps | producers | consumers | what |", "|---|---|---|---|---|---|---|"]
    for topic in TOPICS:
        who = (", ".join(topic.producers), ", ".join(topic.consumers))
        cells = (f"`{topic.name}`", topic.key, topic.value, retention_of(topic), *who, topic.description)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


@app.command()
def describe(name: Name) -> None:
    """Describe one topic: keys, values, retention, producers, consumers, settings."""
    try:
        topic = topic_named(name)
    except KeyError as error:
        raise typer.BadParameter(str(error.args[0]), param_hint="NAME") from None
    wanted = wanted_topic(topic, settings_here())
    lines = {
        "topic": topic.name,
        "what": topic.description,
        "key": topic.key,
        "value": topic.value,
        "producers": ", ".join(topic.producers),
        "consumers": ", ".join(topic.consumers),
        "keeps": retention_of(topic),
        "partitions": f"{wanted.partitions}" + (" (SLUICE_KAFKA__PARTITIONS)" if topic.size is Size.WIDE else ""),
        "with": f"partitioned like {topic.co_partitioned_with}" if topic.co_partitioned_with else "",
        "headers": "CloudEvents 1.0, Kafka binding in binary mode",
        "settings": ", ".join(f"{key}={value}" for key, value in wanted.config.items()),
    }
    for label, text in lines.items():
        if text:
            out.print(f"{label:11} {text}", markup=False)


@app.command()
def tail(
    name: Name,
    count: Annotated[int, typer.Option("-n", help="how many of the latest records to begin with")] = 5,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="go on with what comes, until Ctrl-C")] = True,
) -> None:
    """Print records as JSON lines: the latest, then what comes."""
    security = settings_here().kafka.security()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_tail(security, name, count, follow=follow))
    except LookupError as error:
        err.print(f"[red]{error.args[0]}[/red]")
        raise typer.Exit(1) from None
    except (ClientError, OSError) as error:
        _away(error)


async def _tail(security: KafkaSecurity, name: str, count: int, *, follow: bool) -> None:
    latest: list[Record] = []

    def take(_partition: TopicPartition, records: Sequence[Record]) -> None:
        latest.extend(records)
        latest.sort(key=lambda record: record.timestamp)
        del latest[: max(0, len(latest) - count)]

    async def show(_partition: TopicPartition, records: Sequence[Record], _position: int) -> None:
        for record in records:
            print(orjson.dumps(line_of(record)).decode(), flush=True)

    ends = await bulk_read(security, await partitions_of(security, name), take)
    await show(TopicPartition(name, 0), latest, 0)
    if follow:
        await Follower(security, ends, show, client_id="sluice-tail").run()


def _away(error: Exception) -> None:
    servers = settings_here().kafka.bootstrap_servers
    err.print(f"[red]Kafka does not answer at {servers}: {type(error).__name__}. `sluice doctor` looks closer.[/red]")
    raise typer.Exit(1) from None
