"""`sluice source check` and `sluice source import`: files of a channel, looked at or published."""

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.calls import err
from services.cli.connection import settings_here
from services.contracts.partitions import key_partitioner
from services.ingest.publisher import KafkaPublisher
from services.ingest.registry import KINDS
from services.ingest.sending import KafkaUnavailable
from services.ingest.settings import SourcesInvalid, load_sources
from services.ingest.source import SourceConfig
from services.ingest.source_files import Counts, check_files, files_config, import_files
from services.runtime.producer import AcknowledgedProducer, KafkaAway

app = typer.Typer(no_args_is_help=True, help="Look at or import files of a channel.")
Kind = Annotated[str, typer.Argument(help=f"{', '.join(KINDS)}")]
Files = Annotated[list[Path], typer.Argument(help="events, envelopes, pages or feeds, as the channel sends them")]
SourceId = Annotated[
    str,
    typer.Option("--source", metavar="ID", help="map as this source of the sources file; default: a source named after the kind"),
]
Instance = Annotated[str, typer.Option(help="the installation that the files come from; it is a part of every id")]


def _config(kind: str, source_id: str, instance: str) -> SourceConfig:
    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="KIND")
    if not source_id:
        return files_config(kind, instance)
    settings = settings_here()
    path = settings.sources_file or settings.data_dir / "sources.toml"
    try:
        found = [source for source in load_sources(path, os.environ) if source.id == source_id and source.kind == kind]
    except SourcesInvalid as error:
        raise typer.BadParameter(str(error), param_hint="--source") from None
    if not found:
        raise typer.BadParameter(f"{path} has no {kind} source {source_id!r}", param_hint="--source")
    return found[0]


def _now_ms() -> int:
    return int(time.time() * 1000)


@app.command()
def check(kind: Kind, files: Files, source: SourceId = "", instance: Instance = "files") -> None:
    """Map files without publishing: a JSON line for each activity and each rejection, counts last. Exits 0 unless something crashed."""
    counts = {}
    for line in check_files(kind, files, _config(kind, source, instance), now_ms=_now_ms()):
        print(orjson.dumps(line).decode())
        counts = line
    raise typer.Exit(1 if counts["crashed"] else 0)


@app.command("import")
def import_(kind: Kind, files: Files, source: SourceId = "", instance: Instance = "files") -> None:
    """Publish files; what can't be taken goes to the ingest DLQ. May be repeated without harm: the ids are the same."""
    config = _config(kind, source, instance)
    try:
        counts = asyncio.run(_import(kind, files, config))
    except (KafkaUnavailable, KafkaAway):
        err.print(
            "[red]Kafka does not acknowledge. What was imported is in; run the same command again when Kafka is back.[/red]"
        )
        raise typer.Exit(1) from None
    print(orjson.dumps(counts.as_dict()).decode())
    raise typer.Exit(1 if counts.crashed else 0)


async def _import(kind: str, files: list[Path], config: SourceConfig) -> Counts:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    producer = AcknowledgedProducer(settings_here().kafka.security(), "sluice-import", key_partitioner)
    await producer.start()
    try:
        with Progress(*columns, console=err) as bar:
            task = bar.add_task("importing", total=len(files))

            def told(_file: str, counts: Counts) -> None:
                bar.update(task, completed=counts.files, description=f"{counts.activities} activities")

            return await import_files(kind, files, config, KafkaPublisher(producer), now_ms=_now_ms, progress=told)
    finally:
        await producer.close()
