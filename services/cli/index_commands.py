"""`sluice index apply`: the search index as the registry says."""

import typer
from elastic_transport import TransportError
from elasticsearch import ApiError

from services.cli.apply import apply_index
from services.cli.calls import err, out
from services.cli.connection import settings_here

app = typer.Typer(no_args_is_help=True, help="The search index.")


@app.callback()
def group() -> None:
    """Keep `apply` a command of its own."""


@app.command()
def apply() -> None:
    """Create index and aliases where they are missing. Repeatable; never changes what is there."""
    settings = settings_here()
    try:
        report = apply_index(settings)
    except (ApiError, TransportError) as error:
        err.print(f"[red]Elasticsearch at {settings.elasticsearch.url} refused or did not answer: {type(error).__name__}[/red]")
        raise typer.Exit(1) from None
    out.print(f"{report.index}: {'created' if report.created else 'unchanged'}")
    if report.aliases_added:
        out.print(f"aliases added: {', '.join(report.aliases_added)}")
    if report.advice:
        err.print(f"[yellow]{report.advice}[/yellow]")
        raise typer.Exit(1)
