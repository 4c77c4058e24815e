"""`sluice token`: a JWT of the embedded issuer, for trying things. In production tokens come from the company's identity provider."""

from typing import Annotated

import typer

from services.cli.connection import issuer_of, settings_here
from services.contracts.principal import Role

DAY_S = 86_400
SERVICE_LIFE_S = 10 * 365 * DAY_S


def token(
    user: Annotated[str, typer.Option(help="the user id; the entity name is person:<user>")] = "anna",
    outsider: Annotated[bool, typer.Option("--outsider", help="not an employee: sees public content only")] = False,
    role: Annotated[list[Role] | None, typer.Option(help="publisher, admin or service")] = None,
    ttl: Annotated[int, typer.Option(help="seconds until it expires")] = DAY_S,
    service: Annotated[bool, typer.Option("--service", help="the long-lived token that services show to each other")] = False,
) -> None:
    """Print a token."""
    settings = settings_here()
    if settings.auth.jwks_url or settings.auth.jwks_file:
        typer.secho("tokens come from the configured issuer; the embedded one isn't trusted here", err=True, fg="red")
        raise typer.Exit(2)
    issuer = issuer_of(settings)
    issuer.ensure_key()
    print(
        issuer.issue(
            "sluice-services" if service else user,
            employee=not (outsider or service),
            roles=["service"] if service else [name.value for name in role or ()],
            ttl_s=SERVICE_LIFE_S if service else ttl,
            issuer=settings.auth.issuer,
            audience=settings.auth.audience,
        )
    )
