"""`sluice doctor`: what is wrong, and what to do about it."""

import asyncio
import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import typer
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kafka.errors import KafkaError

from services.cli.apply import index_problems, topic_problems
from services.cli.calls import out
from services.cli.connection import channel_to, settings_here
from services.cli.dead_letters import read_letters
from services.cli.layout import STATE_FILE
from services.contracts.topics import DLQS
from services.ingest.settings import SourcesInvalid, load_sources
from services.runtime.settings import Settings
from services.runtime.token_issuer import key_file_of

MIN_FREE_BYTES = 1 << 30
TIMEOUT_S = 3.0
START = (
    "`make run` starts everything here; for servers of your own set SLUICE_KAFKA__BOOTSTRAP_SERVERS and SLUICE_ELASTICSEARCH__URL"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check. advice: what to do; empty when it is well."""

    what: str
    well: bool
    detail: str
    advice: str = ""


def doctor() -> None:
    """Look at everything that Sluice needs here; exits 1 when something is wrong."""
    settings = settings_here()
    ill = 0
    for check in (_machine, _identity, _kafka, _elasticsearch, _services, _sources, _dead_letters):
        for finding in check(settings):
            ill += not finding.well
            out.print(f"{'[green]ok[/green]  ' if finding.well else '[red]ill[/red] '} {finding.what}: {finding.detail}")
            if finding.advice:
                out.print(f"     → {finding.advice}", markup=False)
    raise typer.Exit(1 if ill else 0)


def _machine(settings: Settings) -> Iterator[Finding]:
    yield Finding("python", well=True, detail=sys.version.split()[0])
    folder = settings.data_dir if settings.data_dir.exists() else settings.data_dir.parent
    free = shutil.disk_usage(folder).free
    yield Finding(
        "disk", free > MIN_FREE_BYTES, f"{free >> 20} MiB free under {folder}", "" if free > MIN_FREE_BYTES else "make room"
    )


def _identity(settings: Settings) -> Iterator[Finding]:
    if settings.auth.jwks_url or settings.auth.jwks_file:
        yield Finding("tokens", well=True, detail=f"of {settings.auth.issuer}")
        return
    key = key_file_of(settings.data_dir)
    there = key.exists()
    closed = there and not key.stat().st_mode & 0o077
    detail = "the embedded issuer's key is there" if closed else f"{key} is {'open to others' if there else 'missing'}"
    advice = (
        ""
        if closed
        else f"chmod 600 {key}"
        if there
        else "`sluice token` or `make run` makes it; in production set SLUICE_AUTH__JWKS_URL"
    )
    yield Finding("tokens", closed, detail, advice)


def _kafka(settings: Settings) -> Iterator[Finding]:
    servers = settings.kafka.bootstrap_servers
    try:
        problems = topic_problems(settings)
    except (KafkaError, OSError) as error:
        yield Finding("kafka", well=False, detail=f"does not answer at {servers} ({type(error).__name__})", advice=START)
        return
    yield Finding("kafka", well=True, detail=f"answers at {servers}")
    detail = "; ".join(problems) or "as the registry says"
    yield Finding("topics", not problems, detail, "`sluice topics apply`" if problems else "")


def _elasticsearch(settings: Settings) -> Iterator[Finding]:
    url = settings.elasticsearch.url
    try:
        problem = index_problems(settings)
    except ConnectionError as error:
        yield Finding("elasticsearch", well=False, detail=f"does not answer at {url} ({error})", advice=START)
        return
    yield Finding("elasticsearch", well=True, detail=f"answers at {url}")
    yield Finding("index", not problem, problem or "as the registry says", "`sluice index apply`" if problem else "")


def _services(settings: Settings) -> Iterator[Finding]:
    state = settings.data_dir / STATE_FILE
    ports = json.loads(state.read_text(encoding="utf-8"))["ports"] if state.exists() else {}
    for name in ("ingest", "refine", "feeds", "search"):
        if f"{name}_ops" in ports:
            yield _probe(name, f"http://127.0.0.1:{ports[f'{name}_ops']}/readyz", f"see {settings.data_dir / 'logs' / name}.log")
        elif name != "refine":
            yield _health(name, getattr(settings.peers, name), settings)


def _probe(name: str, url: str, advice: str) -> Finding:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - a port of this machine
            answer.read()
    except urllib.error.HTTPError as error:
        return Finding(name, well=False, detail=f"is not ready: {error.read().decode(errors='replace')[:300]}", advice=advice)
    except OSError:
        return Finding(name, well=False, detail=f"does not answer at {url}", advice=f"is it running? {advice}")
    return Finding(name, well=True, detail="is ready")


def _health(name: str, address: str, settings: Settings) -> Finding:
    with channel_to(address, settings.peers.tls_ca) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return Finding(
                name,
                well=False,
                detail=f"{error.code().name} at {address}",
                advice=f"set SLUICE_PEERS__{name.upper()}, or start it",
            )
    serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    return Finding(name, serving, f"{'serves' if serving else 'is not ready'} at {address}", "" if serving else "look at its log")


def _sources(settings: Settings) -> Iterator[Finding]:
    path = settings.sources_file or settings.data_dir / "sources.toml"
    if not path.exists():
        yield Finding("sources", settings.sources_file is None, f"{path} is missing", "docs/sources/ shows how to write one")
        return
    try:
        sources = load_sources(path, os.environ)
    except SourcesInvalid as error:
        yield Finding("sources", well=False, detail=str(error), advice="docs/sources/ shows every key")
        return
    yield Finding("sources", well=True, detail=", ".join(f"{source.id} ({source.kind})" for source in sources) or "none")


def _dead_letters(settings: Settings) -> Iterator[Finding]:
    def count(service: str) -> int:
        return len(asyncio.run(read_letters(settings.kafka.security(), service)))

    counts = _counts(count)
    if counts is None:
        return
    found = ", ".join(f"{service} {number}" for service, number in counts.items() if number)
    yield Finding("dead letters", well=True, detail=found or "none", advice="`sluice dlq list` shows why" if found else "")


def _counts(count: Callable[[str], int]) -> dict[str, int] | None:
    """Return letters by service; None when that can't be told, which the checks above have then said."""
    try:
        return {service: count(service) for service in DLQS}
    except (LookupError, OSError, KafkaError):
        return None
    except Exception as error:  # noqa: BLE001 - aiokafka's own errors; the doctor must come to an end
        out.print(f"[yellow]dead letters can't be read: {type(error).__name__}[/yellow]")
        return None
