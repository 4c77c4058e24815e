"""The `sluice` command."""

import typer

from services.cli import (
    account_commands,
    dlq_commands,
    feed_commands,
    index_commands,
    mark_commands,
    ranking_commands,
    relation_commands,
    request_commands,
    source_commands,
    topic_commands,
)
from services.cli.bench_command import bench
from services.cli.counts_command import counts
from services.cli.doctor import doctor
from services.cli.publish_commands import delete, publish
from services.cli.search_command import search
from services.cli.settings_command import settings
from services.cli.thread_command import thread
from services.cli.token_command import token
from services.cli.up import up
from services.cli.watch_command import watch

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Sluice: activity streams from inside and outside, one exact feed for everybody.",
    epilog="`sluice up` starts everything on this machine; the other commands find it there, or through SLUICE_… settings.",
)
for command in (up, doctor, settings, token, publish, delete, search, bench):
    app.command()(command)
app.command(rich_help_panel="Reading")(thread)
app.command(rich_help_panel="Reading")(watch)
app.command(rich_help_panel="Reading")(counts)
for name in ("feed", "save", "unsave", "read", "unread"):
    app.command(rich_help_panel="Reading")(getattr(feed_commands, name))
for name in ("seen", "unseen", "done", "undone", "react", "unreact"):
    app.command(rich_help_panel="Reading")(getattr(mark_commands, name))
for name in ("follow", "unfollow", "mute", "unmute", "block", "unblock", "join", "leave", "following", "followers"):
    app.command(rich_help_panel="Reading")(getattr(relation_commands, name))
app.command(rich_help_panel="Reading")(ranking_commands.explain)
app.add_typer(ranking_commands.app, name="ranking", rich_help_panel="Reading")
app.add_typer(request_commands.app, name="requests", rich_help_panel="Reading")
app.add_typer(account_commands.app, name="account")
app.add_typer(source_commands.app, name="source")
app.add_typer(topic_commands.app, name="topics")
app.add_typer(index_commands.app, name="index")
app.add_typer(dlq_commands.app, name="dlq")


def main() -> None:
    """Run the command."""
    app(prog_name="sluice")


if __name__ == "__main__":
    main()
