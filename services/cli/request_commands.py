"""`sluice requests`: who may follow a person who approves of her followers."""

from typing import Annotated

import typer
from sluice.activity.v1 import relation_pb2

from services.cli.calls import AsJson, Token, User, out
from services.cli.relation_calls import Person, relation_call, show_edges

app = typer.Typer(no_args_is_help=True, help="Requests to follow, for those who approve of followers.")


@app.command("list")
def list_requests(
    user: User = "anna",
    token: Token = "",
    mine: Annotated[bool, typer.Option("--mine", help="those that the user has made")] = False,
    as_json: AsJson = False,
) -> None:
    """List who asks to follow the user.

    \b
    sluice requests list --as ben
    sluice requests list --mine
    """
    kind = relation_pb2.RELATION_KIND_REQUESTS
    if mine:
        show_edges("ListFollowing", user, token, as_json=as_json, kind=kind)
    else:
        show_edges("ListFollowers", user, token, as_json=as_json, kind=kind)


@app.command()
def approve(name: Person, user: User = "anna", token: Token = "") -> None:
    """Let somebody follow who has asked to.

    \b
    sluice requests approve person:anna --as ben
    """
    relation_call("ApproveFollow", user, token, subject=name)
    out.print(f"{name} follows {user}")


@app.command()
def reject(name: Person, user: User = "anna", token: Token = "") -> None:
    """Take a request away; nobody is told.

    \b
    sluice requests reject person:anna --as ben
    """
    relation_call("RejectFollow", user, token, subject=name)
    out.print(f"{name} does not follow {user}")


@app.command()
def remove(name: Person, user: User = "anna", token: Token = "") -> None:
    """End that somebody follows the user; nobody is told."""
    relation_call("RemoveFollower", user, token, subject=name)
    out.print(f"{name} no longer follows {user}")


@app.command()
def policy(
    approve: Annotated[
        bool | None, typer.Option("--approve/--open", help="ask the user before somebody follows, or don't; neither shows it")
    ] = None,
    user: User = "anna",
    token: Token = "",
) -> None:
    """Say whether following the user needs approval. Those who follow already stay.

    \b
    sluice requests policy --approve --as ben
    """
    if approve is not None:
        relation_call("SetFollowPolicy", user, token, approves_followers=approve)
    else:
        approve = relation_call("GetFollowPolicy", user, token).approves_followers
    out.print(f"{user} approves of followers" if approve else f"everybody may follow {user}")
