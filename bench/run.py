"""Measuring rows one after the other, each in a process of its own, and reporting as they end."""

import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.child import order, outcome, outcome_file
from bench.cores import Cores, choose_cores
from bench.figures import Measured
from bench.machine import Machine, describe_machine
from bench.report import Entry, entry_of
from bench.row import Context, Row
from bench.servers import ServersMissing, running_servers
from services.runtime.parent_death import service_command

REPEATS = 3
_STOP_S = 20.0

Say = Callable[[str], None]


class RowFailed(RuntimeError):
    """A row was not measured; the text says why."""


class Bench:
    """One run. say: called with what a person wants to know meanwhile. failures: row → why it was not measured."""

    def __init__(self, say: Say, *, quick: bool = False, repeats: int = REPEATS) -> None:
        self.say = say
        self.quick = quick
        self.repeats = repeats
        self.failures: dict[str, str] = {}
        self.cores: Cores = choose_cores()
        self.machine: Machine = describe_machine(self.cores, quick=quick)

    def measure(self, rows: Mapping[str, Row], wanted: set[str]) -> Iterator[Entry]:
        """Yield the wanted figures (empty: all) as they are measured. Servers run from the first row that needs them to the end."""
        with ExitStack() as stack:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-bench-")))
            plain = Context(quick=self.quick, folder=home, cores=self.cores, say=self.say, repeats=self.repeats)
            with_servers: Context | str | None = None
            self.cores.load_here()
            for name, row in rows.items():
                if row.needs and with_servers is None:
                    with_servers = self._start_servers(stack, plain)
                context = with_servers if row.needs else plain
                if not isinstance(context, Context):
                    self.failures[name] = str(context)
                    continue
                figures = {figure.name for figure in row.figures}
                context = replace(context, folder=home / name, wanted=frozenset((figures & wanted) or figures))
                yield from self._entries(name, row, context)

    def _start_servers(self, stack: ExitStack, plain: Context) -> Context | str:
        self.say("starting Apache Kafka and Elasticsearch")
        try:
            servers = stack.enter_context(running_servers())
        except ServersMissing as error:
            self.say(str(error))
            return str(error)
        return replace(plain, bootstrap=servers.bootstrap, elasticsearch_url=servers.elasticsearch_url)

    def _entries(self, name: str, row: Row, context: Context) -> Iterator[Entry]:
        try:
            measured = in_child(name, row, context)
        except RowFailed as error:
            self.failures[name] = str(error)
            return
        for figure in row.figures:
            if figure.name in context.wanted:
                yield entry_of(figure, measured[figure.name], self.machine)


def in_child(name: str, row: Row, context: Context) -> dict[str, Measured]:
    """Measure one row in a new process. Raises RowFailed."""
    context.folder.mkdir(parents=True)
    file = context.folder.with_suffix(".json")
    file.write_text(json.dumps(order(name, context)), encoding="utf-8")
    begun = time.monotonic()
    with subprocess.Popen(service_command("bench.child", [str(file)]), stdin=subprocess.DEVNULL, start_new_session=True) as child:  # noqa: S603 - our own module
        try:
            status = child.wait(row.seconds)
        except subprocess.TimeoutExpired:
            raise RowFailed(f"not done after {row.seconds:g} s") from None
        finally:
            _end(child)
    if status:
        raise RowFailed(f"it ended with status {status} after {time.monotonic() - begun:.0f} s; its last words are above")
    measured = outcome(outcome_file(file))
    if missing := context.wanted - measured.keys():
        raise RowFailed(f"it did not say {', '.join(sorted(missing))}")
    return measured


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End a child that still runs; what it has started dies with it."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
