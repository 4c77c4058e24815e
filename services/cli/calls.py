"""One gRPC call from the command line, with errors a person can act on."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import grpc
import typer
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from rich.console import Console

from services.cli.connection import TIMEOUT_S, Caller, channel_to, metadata_of, settings_here

# A program that reads a table finds one row a line.
WIDTH_FOR_PROGRAMS = 400
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_FOR_PROGRAMS)
err = Console(stderr=True, highlight=False, soft_wrap=True)

User = Annotated[
    str, typer.Option("--as", metavar="USER", help="who you are, with the embedded issuer; guest-… and partner-… are outsiders")
]
Token = Annotated[str, typer.Option("--token", metavar="JWT", help="a token to show instead")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON line each, for programs")]


def call(service: str, stub: Callable[[grpc.Channel], Any], method: str, request: Any, caller: Caller) -> Any:
    """Call one method. service: ingest, feeds or search. Exits with 1 and a sentence when it fails."""
    settings = settings_here()
    address = getattr(settings.peers, service)
    with channel_to(address, settings.peers.tls_ca) as channel:
        try:
            return getattr(stub(channel), method)(request, metadata=metadata_of(caller, settings), timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            err.print(f"[red]{explain(error, service, address)}[/red]")
            raise typer.Exit(1) from None


def explain(error: grpc.RpcError, service: str, address: str) -> str:
    """Say what went wrong and what may be done about it."""
    code = error.code().name
    text = f"{code}: {error.details()}"
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        violations = error_details_pb2.BadRequest()
        if detail.Unpack(violations):
            text += "".join(f"\n  {field.field}: {field.description}" for field in violations.field_violations)
    if error.code() is grpc.StatusCode.UNAVAILABLE and "onnect" in (error.details() or ""):
        text = (
            f"{service} does not answer at {address}. Is it running? `make run` starts everything, `sluice doctor` looks closer."
        )
    return text
