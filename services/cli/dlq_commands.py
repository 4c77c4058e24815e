"""`sluice dlq list|show|replay`: what could not be taken, why, and another try."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError
from rich.table import Column, Table

from services.cli.calls import err, out
from services.cli.connection import settings_here
from services.cli.dead_letters import DeadLetter, read_letters
from services.cli.replaying import replay_letters
from services.contracts.topics import DLQS

app = typer.Typer(no_args_is_help=True, help="Dead letters: what a service could not take, with its reason.")
Service = Annotated[str, typer.Argument(help=", ".join(DLQS))]
Reason = Annotated[str, typer.Option(help="only letters with this reason")]


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return asyncio.run(work)
    except (KafkaError, OSError) as error:
        err.print(f"[red]Kafka does not answer at {settings_here().kafka.bootstrap_servers}: {type(error).__name__}[/red]")
    except LookupError as error:
        err.print(f"[red]{error.args[0]}[/red]")
    raise typer.Exit(1)


def _known(service: str) -> str:
    if service not in DLQS:
        raise typer.BadParameter(f"{service!r} is none of {', '.join(DLQS)}", param_hint="SERVICE")
    return service


def _letters(service: str) -> list[DeadLetter]:
    letters: list[DeadLetter] = _run(read_letters(settings_here().kafka.security(), _known(service)))
    return letters


@app.command("list")
def list_(service: Annotated[str, typer.Argument(help="one of them; default: all")] = "", reason: Reason = "") -> None:
    """List letters with their reason; nobody's content."""
    # `show` and `replay` take letter and reason as they stand here, so those are never cut.
    columns = (Column("letter", no_wrap=True), "since", Column("reason", no_wrap=True), Column("origin", overflow="fold"))
    table = Table(*columns, "attempts", "bytes", box=None)
    count = 0
    for name in [_known(service)] if service else DLQS:
        for letter in _letters(name):
            if reason and letter.reason != reason:
                continue
            since = datetime.fromtimestamp(letter.time_ms / 1000, tz=UTC).astimezone().isoformat(sep=" ", timespec="seconds")
            table.add_row(letter.place, since, letter.reason, letter.origin, str(letter.attempts), str(len(letter.value or b"")))
            count += 1
    if count:
        out.print(table)
    out.print(f"{count} dead letters")


@app.command()
def show(
    place: Annotated[str, typer.Argument(metavar="LETTER", help="as `list` names it: service/partition/offset")],
    body: Annotated[bool, typer.Option("--body", help="also the bytes as they came; that may be somebody's text")] = False,
) -> None:
    """Show one letter."""
    service = place.split("/", maxsplit=1)[0]
    for letter in _letters(service):
        if letter.place == place:
            for name in ("place", "reason", "detail", "origin", "attempts"):
                out.print(f"{name:9} {getattr(letter, name)}", markup=False)
            for name, value in letter.headers:
                out.print(f"header    {name}: {value.decode(errors='replace')}", markup=False)
            if body:
                out.print((letter.value or b"").decode(errors="backslashreplace"), markup=False)
            return
    err.print(f"[red]there is no letter {place}[/red]")
    raise typer.Exit(1)


@app.command()
def replay(
    service: Service,
    letter: Annotated[list[str] | None, typer.Option(help="only this letter, as `list` names it; may be repeated")] = None,
    reason: Reason = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be done, and do nothing")] = False,
) -> None:
    """Try letters again. The letters stay in the queue until they expire; trying twice changes nothing."""
    chosen = [
        item for item in _letters(service) if (not reason or item.reason == reason) and (not letter or item.place in letter)
    ]
    for line in _run(replay_letters(settings_here(), chosen, dry_run=dry_run)):
        out.print(line, markup=False)
    out.print(f"{len(chosen)} letters {'would be' if dry_run else ''} tried again".replace("  ", " "))
