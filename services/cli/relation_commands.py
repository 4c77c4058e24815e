"""`sluice follow`, `mute`, `block`, `join` and their opposites, `following`, `followers`, `requests`, `account`: who follows what."""

from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToJson
from sluice.activity.v1 import relation_pb2
from sluice.feed.v1 import relation_service_pb2 as pb
from sluice.feed.v1.relation_service_pb2_grpc import RelationServiceStub

from services.cli.calls import AsJson, Token, User, call, out
from services.cli.connection import Caller

Name = Annotated[str, typer.Argument(help="an entity name: person:ben, group:platform, tag:kafka, channel:company-blog")]
Person = Annotated[str, typer.Argument(help="an entity name such as person:ben")]
Muted = Annotated[str, typer.Argument(help="an entity name, or word: and what is to be found as whole words")]

requests = typer.Typer(no_args_is_help=True, help="Requests to follow, for those who approve of followers.")
account = typer.Typer(no_args_is_help=True, help="A person's accounts count as one where somebody follows, mutes or blocks any.")


def _call(method: str, user: str, token: str, *, admin: bool = False, **fields: Any) -> Any:
    request = getattr(pb, f"{method}Request")(**fields)
    return call("feeds", RelationServiceStub, method, request, Caller(user, token, admin=admin))


def follow(name: Name, user: User = "anna", token: Token = "") -> None:
    """Follow a person, group, tag or channel; in force when this returns. Some people approve of their followers first.

    \b
    sluice follow person:ben
    sluice follow tag:kafka --as carla
    """
    answer = _call("Follow", user, token, object=name)
    if answer.state == pb.FOLLOW_STATE_PENDING:
        out.print(f"{user} has asked to follow {name}, who approves of followers; pending")
    else:
        out.print(f"{user} follows {name}")


def unfollow(name: Name, user: User = "anna", token: Token = "") -> None:
    """Take a follow back, or the request for one."""
    _call("Unfollow", user, token, object=name)
    out.print(f"{user} no longer follows {name}")


def mute(name: Muted, user: User = "anna", token: Token = "") -> None:
    """Keep a person, group, tag, channel or word out of the home feed.

    \b
    sluice mute tag:lunch
    sluice mute 'word:release party'
    """
    _call("Mute", user, token, object=name)
    out.print(f"{user} has muted {name}")


def unmute(name: Muted, user: User = "anna", token: Token = "") -> None:
    """Take a mute back."""
    _call("Unmute", user, token, object=name)
    out.print(f"{user} has unmuted {name}")


def block(name: Person, user: User = "anna", token: Token = "") -> None:
    """Hide a person and yourself from each other; in force on both sides when this returns.

    \b
    sluice block person:ben
    """
    _call("Block", user, token, object=name)
    out.print(f"{user} has blocked {name}")


def unblock(name: Person, user: User = "anna", token: Token = "") -> None:
    """Take a block back."""
    _call("Unblock", user, token, object=name)
    out.print(f"{user} has unblocked {name}")


def leave(group: Name, user: User = "anna", token: Token = "") -> None:
    """Leave a group; its activities are gone when this returns."""
    _call("Leave", user, token, group=group)
    out.print(f"{user} has left {group}")


def join(
    group: Name,
    member: Annotated[str, typer.Argument(help="the user who becomes a member, such as person:ben")],
    user: User = "anna",
    token: Token = "",
) -> None:
    """Make a user a member of a group (needs the role admin, which the embedded issuer grants here)."""
    _call("Join", user, token, admin=True, group=group, user=member)
    out.print(f"{member} is a member of {group}")


def following(user: User = "anna", token: Token = "", as_json: AsJson = False) -> None:
    """List what the user follows."""
    _show("ListFollowing", user, token, as_json=as_json)


def followers(
    name: Annotated[str, typer.Argument(help="an entity name; the user herself without it")] = "",
    user: User = "anna",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """List who follows the user, or a person, group, tag or channel (employees only).

    \b
    sluice followers
    sluice followers tag:kafka
    """
    _show("ListFollowers", user, token, as_json=as_json, object=name)


@requests.command("list")
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
        _show("ListFollowing", user, token, as_json=as_json, kind=kind)
    else:
        _show("ListFollowers", user, token, as_json=as_json, kind=kind)


@requests.command()
def approve(name: Person, user: User = "anna", token: Token = "") -> None:
    """Let somebody follow who has asked to.

    \b
    sluice requests approve person:anna --as ben
    """
    _call("ApproveFollow", user, token, subject=name)
    out.print(f"{name} follows {user}")


@requests.command()
def reject(name: Person, user: User = "anna", token: Token = "") -> None:
    """Take a request away; nobody is told.

    \b
    sluice requests reject person:anna --as ben
    """
    _call("RejectFollow", user, token, subject=name)
    out.print(f"{name} does not follow {user}")


@requests.command()
def remove(name: Person, user: User = "anna", token: Token = "") -> None:
    """End that somebody follows the user; nobody is told."""
    _call("RemoveFollower", user, token, subject=name)
    out.print(f"{name} no longer follows {user}")


@requests.command()
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
        _call("SetFollowPolicy", user, token, approves_followers=approve)
    else:
        approve = _call("GetFollowPolicy", user, token).approves_followers
    out.print(f"{user} approves of followers" if approve else f"everybody may follow {user}")


@account.command()
def link(
    name: Annotated[str, typer.Argument(metavar="ACCOUNT", help="as activities carry it, such as person:anna@social.example")],
    person: Person,
    user: User = "anna",
    token: Token = "",
) -> None:
    """Say whose an account is (needs the role admin, which the embedded issuer grants here, or service).

    \b
    sluice account link person:anna@social.example person:anna
    """
    _call("LinkAccount", user, token, admin=True, account=name, person=person)
    out.print(f"{name} is {person}")


@account.command()
def unlink(
    name: Annotated[str, typer.Argument(metavar="ACCOUNT", help="such as person:anna@social.example")],
    user: User = "anna",
    token: Token = "",
) -> None:
    """Say that an account is nobody's.

    \b
    sluice account unlink person:anna@social.example
    """
    _call("UnlinkAccount", user, token, admin=True, account=name)
    out.print(f"{name} is nobody's")


@account.command("list")
def list_accounts(
    person: Annotated[str, typer.Argument(help="an entity name; the user herself without it")] = "",
    user: User = "anna",
    token: Token = "",
) -> None:
    """List the accounts of a person.

    \b
    sluice account list
    sluice account list person:ben
    """
    for name in _call("ListAccounts", user, token, admin=bool(person), person=person).accounts:
        out.print(name, markup=False)


def _show(method: str, user: str, token: str, *, as_json: bool, **fields: Any) -> None:
    """Print the far ends of all edges of a list."""
    page_token, far_end = "", "object" if method == "ListFollowing" else "subject"
    while True:
        answer = _call(method, user, token, page_size=1000, page_token=page_token, **fields)
        for relation in answer.relations:
            out.print(MessageToJson(relation, indent=None) if as_json else getattr(relation, far_end), markup=False)
        page_token = answer.next_page_token
        if not page_token:
            return
