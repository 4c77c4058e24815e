"""How the command finds a running Sluice: the environment's settings, else the stack that `sluice up` started here."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import grpc
import typer

from services.cli.layout import STATE_FILE, Ports
from services.runtime.settings import Settings
from services.runtime.settings_loading import SettingsInvalid, load_settings
from services.runtime.token_issuer import EmbeddedIssuer

TIMEOUT_S = 30.0
TOKEN_LIFE_S = 3600


def settings_given() -> Settings:
    """Return the settings of the environment; exit with 2 and what is wrong with them."""
    try:
        return load_settings()
    except SettingsInvalid as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(2) from None


def settings_here() -> Settings:
    """Return the settings; where none name brokers, index or peers, those of the stack in the data directory."""
    settings = settings_given()
    state = settings.data_dir / STATE_FILE
    if not state.exists():
        return settings
    return with_ports(settings, Ports(**json.loads(state.read_text(encoding="utf-8"))["ports"]))


def with_ports(settings: Settings, ports: Ports) -> Settings:
    """Return settings that point at a stack on this machine, except for what was configured."""
    kafka, elastic, peers = settings.kafka, settings.elasticsearch, settings.peers
    update = {"ingest": f"127.0.0.1:{ports.ingest}", "feeds": f"127.0.0.1:{ports.feeds}", "search": f"127.0.0.1:{ports.search}"}
    given = peers.model_fields_set
    return settings.model_copy(
        update={
            "kafka": kafka if kafka.configured else kafka.model_copy(update={"bootstrap_servers": f"127.0.0.1:{ports.kafka}"}),
            "elasticsearch": elastic
            if elastic.configured
            else elastic.model_copy(update={"url": f"http://127.0.0.1:{ports.elasticsearch}"}),
            "peers": peers.model_copy(update={name: address for name, address in update.items() if name not in given}),
        }
    )


def issuer_of(settings: Settings) -> EmbeddedIssuer:
    """Return the embedded issuer of the data directory."""
    return EmbeddedIssuer.in_folder(settings.data_dir)


def _without_token(reason: str) -> NoReturn:
    typer.secho(f"{reason}: pass --token, or start everything with `make run`", err=True, fg="red")
    raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who the command is. user: with the embedded issuer's key at hand a token is made for her; token: as given."""

    user: str = "anna"
    token: str = ""
    admin: bool = False

    def bearer(self, settings: Settings) -> str:
        """Return the token to show."""
        if self.token:
            return self.token
        if settings.service_token:
            return settings.service_token.get_secret_value()
        issuer = issuer_of(settings)
        if settings.auth.jwks_url or settings.auth.jwks_file:
            _without_token(f"tokens come from {settings.auth.issuer}")
        if not issuer.key_file.exists():
            _without_token(f"Sluice was never started here and can not answer ({issuer.key_file} is missing)")
        return issuer.issue(
            self.user,
            employee=not self.user.startswith(("guest-", "partner-")),
            roles=["admin"] if self.admin else [],
            ttl_s=TOKEN_LIFE_S,
            issuer=settings.auth.issuer,
            audience=settings.auth.audience,
        )


def channel_to(address: str, ca: Path | None) -> grpc.Channel:
    """Return a channel to a service. ca: the authority of its certificate; None: without TLS."""
    if ca is None:
        return grpc.insecure_channel(address)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca.read_bytes()))


def metadata_of(caller: Caller, settings: Settings) -> tuple[tuple[str, str | bytes], ...]:
    """Return the call's metadata."""
    return (("authorization", f"Bearer {caller.bearer(settings)}"),)
