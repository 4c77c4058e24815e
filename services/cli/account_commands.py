"""`sluice account`: whose an account is."""

from typing import Annotated

import typer

from services.cli.calls import Token, User, out
from services.cli.relation_calls import Person, relation_call

app = typer.Typer(no_args_is_help=True, help="A person's accounts count as one where somebody follows, mutes or blocks any.")


@app.command()
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
    relation_call("LinkAccount", user, token, admin=True, account=name, person=person)
    out.print(f"{name} is {person}")


@app.command()
def unlink(
    name: Annotated[str, typer.Argument(metavar="ACCOUNT", help="such as person:anna@social.example")],
    user: User = "anna",
    token: Token = "",
) -> None:
    """Say that an account is nobody's.

    \b
    sluice account unlink person:anna@social.example
    """
    relation_call("UnlinkAccount", user, token, admin=True, account=name)
    out.print(f"{name} is nobody's")


@app.command("list")
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
    for name in relation_call("ListAccounts", user, token, admin=bool(person), person=person).accounts:
        out.print(name, markup=False)
