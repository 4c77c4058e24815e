"""`sluice follow`, `mute`, `block`, `join` and their opposites, `following`, `followers`: who follows what."""

from typing import Annotated

import typer
from sluice.feed.v1 import relation_service_pb2 as pb

from services.cli.calls import AsJson, Token, User, out
from services.cli.relation_calls import Person, relation_call, show_edges

Name = Annotated[str, typer.Argument(help="an entity name: person:ben, group:platform, tag:kafka, channel:company-blog")]
Muted = Annotated[str, typer.Argument(help="an entity name, or word: and what is to be found as whole words")]


def follow(name: Name, user: User = "anna", token: Token = "") -> None:
    """Follow a person, group, tag or channel; in force when this returns. Some people approve of their followers first.

    \b
    sluice follow person:ben
    sluice follow tag:kafka --as carla
    """
    answer = relation_call("Follow", user, token, object=name)
    if answer.state == pb.FOLLOW_STATE_PENDING:
        out.print(f"{user} has asked to follow {name}, who approves of followers; pending")
    else:
        out.print(f"{user} follows {name}")


def unfollow(name: Name, user: User = "anna", token: Token = "") -> None:
    """Take a follow back, or the request for one."""
    relation_call("Unfollow", user, token, object=name)
    out.print(f"{user} no longer follows {name}")


def mute(name: Muted, user: User = "anna", token: Token = "") -> None:
    """Keep a person, group, tag, channel or word out of the home feed.

    \b
    sluice mute tag:lunch
    sluice mute 'word:release party'
    """
    relation_call("Mute", user, token, object=name)
    out.print(f"{user} has muted {name}")


def unmute(name: Muted, user: User = "anna", token: Token = "") -> None:
    """Take a mute back."""
    relation_call("Unmute", user, token, object=name)
    out.print(f"{user} has unmuted {name}")


def block(name: Person, user: User = "anna", token: Token = "") -> None:
    """Hide a person and yourself from each other; in force on both sides when this returns.

    \b
    sluice block person:ben
    """
    relation_call("Block", user, token, object=name)
    out.print(f"{user} has blocked {name}")


def unblock(name: Person, user: User = "anna", token: Token = "") -> None:
    """Take a block back."""
    relation_call("Unblock", user, token, object=name)
    out.print(f"{user} has unblocked {name}")


def leave(group: Name, user: User = "anna", token: Token = "") -> None:
    """Leave a group; its activities are gone when this returns."""
    relation_call("Leave", user, token, group=group)
    out.print(f"{user} has left {group}")


def join(
    group: Name,
    member: Annotated[str, typer.Argument(help="the user who becomes a member, such as person:ben")],
    user: User = "anna",
    token: Token = "",
) -> None:
    """Make a user a member of a group (needs the role admin, which the embedded issuer grants here)."""
    relation_call("Join", user, token, admin=True, group=group, user=member)
    out.print(f"{member} is a member of {group}")


def following(user: User = "anna", token: Token = "", as_json: AsJson = False) -> None:
    """List what the user follows."""
    show_edges("ListFollowing", user, token, as_json=as_json)


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
    show_edges("ListFollowers", user, token, as_json=as_json, object=name)
