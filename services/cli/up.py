"""`sluice up`: the whole of Sluice on this machine, with a demo company, until Ctrl-C."""

import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated

import grpc
import typer
from elastic_transport import TransportError
from elasticsearch import ApiError
from kafka.errors import KafkaError

from services.cli.bring_up import bring_up
from services.cli.calls import err, explain, out
from services.cli.connection import Caller, channel_to, metadata_of, settings_given
from services.cli.demo.company import OUTSIDERS, build_company
from services.cli.demo.sources import write_sources
from services.cli.layout import STATE_FILE, choose_ports
from services.cli.processes import ProcessFailed, ProcessSpec, ServiceProcess
from services.cli.seeding import seed_relations
from services.cli.stack import Stack
from services.cli.welcome import welcome
from services.runtime.embedded import EmbeddedServerError
from services.runtime.kafka_admin import TopicRefused
from services.runtime.settings import Settings

WATCH_S = 0.5
MAX_RESTARTS = 5


class Stopped(Exception):
    """Ctrl-C or SIGTERM."""


def up(
    data_dir: Annotated[Path | None, typer.Option(help="where keys, data and logs are kept; default .sluice")] = None,
    demo: Annotated[bool, typer.Option("--demo/--no-demo", help="seed a company and simulate its channels")] = True,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="take any free ports instead of the usual ones")] = False,
) -> None:
    """Start everything and stay until Ctrl-C. A second run goes on with the data that is there."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    # Not those of the last run: what is configured is external, and the rest is started anew.
    settings = settings_given() if data_dir is None else settings_given().model_copy(update={"data_dir": data_dir})
    home = settings.data_dir.resolve()
    home.mkdir(parents=True, exist_ok=True)
    ports = choose_ports(home, any_free=free_ports)
    sources = settings.sources_file or write_sources(home, ports.demo)
    stack = Stack(settings, ports, home, sources, say=lambda text: out.print(f"  {text}"))
    demo_process = _demo_process(stack) if demo and not settings.sources_file else None
    try:
        _start(stack, demo_process)
        welcome(stack, with_demo=demo_process is not None)
        _watch(stack, demo_process)
    except Stopped:
        out.print("stopping …")
    except (ProcessFailed, EmbeddedServerError, TopicRefused) as error:
        err.print(f"[red]{error}[/red]\n`sluice doctor` says more.")
        sys.exit(1)
    except (KafkaError, TransportError, ApiError) as error:
        servers = f"{stack.environment['SLUICE_KAFKA__BOOTSTRAP_SERVERS']} and {stack.environment['SLUICE_ELASTICSEARCH__URL']}"
        err.print(f"[red]{type(error).__name__}: do the servers at {servers} answer?[/red] `sluice doctor` says more.")
        sys.exit(1)
    finally:
        # A second Ctrl-C must not leave half of it behind; every wait below is bounded.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if demo_process:
            demo_process.stop()
            demo_process.wait(5)
        stack.stop()
    out.print("stopped; the data is kept in " + str(home))


def _stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise Stopped


def _start(stack: Stack, demo: ServiceProcess | None) -> None:
    if demo:
        # First, so that the sources find their other ends when they come up.
        demo.start()
    here = bring_up(stack)
    _save_state(stack)
    if demo:
        _seed(stack, here)


def _save_state(stack: Stack) -> None:
    pids = {name: service.pid for name, service in stack.services.items()}
    pids |= {"servers": stack.embedded.pid or 0} if stack.embedded else {}
    (stack.data_dir / STATE_FILE).write_text(json.dumps({"ports": asdict(stack.ports), "pids": pids}, indent=1), encoding="utf-8")


def _seed(stack: Stack, settings: Settings) -> None:
    done = stack.data_dir / "seeded"
    if done.exists():
        return
    company = build_company()
    out.print(f"  seeding {len(company.people)} people, {len(company.groups)} groups, {len(OUTSIDERS)} outsiders")
    address = settings.peers.feeds
    with channel_to(address, settings.peers.tls_ca) as channel:
        try:
            metadata = metadata_of(Caller("sluice-demo", admin=True), settings)
            seed_relations(channel, metadata, company.relations(int(time.time() * 1000)))
        except grpc.RpcError as error:
            raise ProcessFailed(f"seeding failed: {explain(error, 'feeds', address)}") from None
    done.touch()


def _demo_process(stack: Stack) -> ServiceProcess:
    inbox = f"http://127.0.0.1:{stack.ports.inbox}/inbox/app-events"
    arguments = ("--port", str(stack.ports.demo), "--inbox", inbox, "--state", str(stack.data_dir / "demo.json"))
    return ServiceProcess(ProcessSpec("demo", "services.cli.demo", arguments), stack.environment, stack.data_dir / "logs")


def _watch(stack: Stack, demo: ServiceProcess | None) -> None:
    """Start again what ends by itself, a few times; give up with its log when it keeps ending."""
    restarts = dict.fromkeys(stack.services, 0)
    while True:
        time.sleep(WATCH_S)
        if stack.embedded and not stack.embedded.alive():
            raise ProcessFailed(f"the embedded servers ended; see {stack.data_dir / 'servers' / 'server.log'}")
        for name, service in stack.services.items():
            if not service.alive():
                restarts[name] += 1
                if restarts[name] > MAX_RESTARTS:
                    raise ProcessFailed(f"{name} keeps ending; the end of its log:\n{service.log_tail()}")
                out.print(f"[yellow]{name} ended; starting it again[/yellow] (log: {service.log_file})")
                _again(partial(stack.restart, name))
                _save_state(stack)
        if demo and not demo.alive():
            out.print(f"[yellow]the simulators ended[/yellow] (log: {demo.log_file})")
            demo = None


def _again(restart: Callable[[], object]) -> None:
    try:
        restart()
    except ProcessFailed as error:
        out.print(f"[yellow]{error}[/yellow]")
