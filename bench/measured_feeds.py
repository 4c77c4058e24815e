"""The feeds worker that is measured, as the bench sees it from the other core."""

import base64
import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from bench.feeds_process import ECHO
from bench.house import House
from bench.population import Spec
from services.cli.processes import ProcessFailed, ProcessSpec, ServiceProcess
from services.runtime.embedded import free_port

GET_FEED = "/sluice.feed.v1.FeedService/GetFeed"
FOLLOW = "/sluice.feed.v1.RelationService/Follow"
MARK_READ = "/sluice.feed.v1.FeedService/MarkRead"
LEAVE = "/sluice.feed.v1.RelationService/Leave"
PUBLISH = "/sluice.ingest.v1.PublishService/Publish"
PUBLISH_STREAM = "/sluice.ingest.v1.PublishService/PublishStream"
__all__ = ["ECHO", "FOLLOW", "GET_FEED", "LEAVE", "MARK_READ", "PUBLISH", "PUBLISH_STREAM", "MeasuredFeeds"]
_START_S = 60.0
_LOOK_S, _QUIET, _QUIET_LOOKS = 0.5, 0.15, 6


class MeasuredFeeds:
    """The process of bench.feeds_process on the measured core. Use it as a context manager; it waits until the worker is ready."""

    def __init__(
        self, house: House, settings: Mapping[str, object], *, core: int, instance: str = "feeds-0", port: int = 0
    ) -> None:
        """Take what else its environment says: settings such as SLUICE_FEEDS__CAPACITY. port 0: any free one."""
        self.port = port or free_port()
        self._path = str(house.context.folder / f"feeds-{self.port}.line")
        ports = {"SLUICE_GRPC__PORT": self.port, "SLUICE_OPS__PORT": free_port()}
        environment = house.environment(instance, **ports, **settings)
        spec = ProcessSpec("feeds", "bench.feeds_process", (self._path, str(core)), environment)
        self._process = ServiceProcess(spec, os.environ, house.logs)

    def __enter__(self) -> Self:
        self.start()
        self.until_ready(time.monotonic() + _START_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()
        self._process.stop()
        self._process.wait(20.0)

    def start(self) -> None:
        """Start the process; return when it can be asked, long before it is ready."""
        Path(self._path).unlink(missing_ok=True)
        self._process.start()
        self._line = _connected(self._path, self._process, time.monotonic() + _START_S)
        self._file = self._line.makefile("rwb")

    def kill(self) -> None:
        """End it as the power does."""
        self._line.close()
        self._process.kill()

    @property
    def address(self) -> str:
        """Where it serves gRPC."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, do: str, **fields: Any) -> Any:
        """Ask over the line. Raises ProcessFailed when the process has ended."""
        try:
            self._file.write(json.dumps({"do": do, **fields}).encode() + b"\n")
            self._file.flush()
            answer = self._file.readline()
        except OSError:
            answer = b""
        if not answer:
            raise ProcessFailed(f"the worker did not answer {do}; the end of its log:\n{self._process.log_tail()}")
        return json.loads(answer)

    def until_ready(self, deadline: float) -> None:
        """Wait until it may answer. deadline: of time.monotonic. Raises ProcessFailed."""
        while problems := self.ask("ready"):
            if time.monotonic() > deadline:
                raise ProcessFailed(f"the worker is not ready: {problems}; the end of its log:\n{self._process.log_tail()}")
            time.sleep(0.05)

    def activate(self, *specs: Spec) -> None:
        """Make every user of populations active."""
        self.ask("activate", specs=[asdict(spec) for spec in specs])

    def applied(self, ends: Mapping[int, int], seconds: float = 300.0) -> dict[str, float]:
        """Wait until everything below ends is in the timelines; return the worker's clocks."""
        answer: dict[str, float] = self.ask("applied", ends={str(at): end for at, end in ends.items()}, seconds=seconds)
        return answer

    def until_quiet(self, seconds: float = 180.0) -> None:
        """Wait until the worker has nothing more to do by itself, such as writing the other side of edges that it has read."""
        deadline = time.monotonic() + seconds
        before, quiet = self.ask("clock"), 0
        while time.monotonic() < deadline:
            time.sleep(_LOOK_S)
            now = self.ask("clock")
            is_quiet = now["processor"] - before["processor"] < _QUIET * (now["monotonic"] - before["monotonic"])
            # It may wait for Kafka in between.
            quiet = quiet + 1 if is_quiet and not self.ask("ready") else 0
            if quiet == _QUIET_LOOKS:
                return
            before = now
        raise ProcessFailed(f"the worker is busy with nothing for {seconds:g} s")

    def echo(self, answer: bytes) -> None:
        """Let the echo answer so from now on."""
        self.ask("echo", answer=base64.b64encode(answer).decode())


def _connected(path: str, process: ServiceProcess, deadline: float) -> socket.socket:
    while True:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(path)
        except OSError:
            line.close()
            if not process.alive():
                raise ProcessFailed(f"the worker ended; the end of its log:\n{process.log_tail()}") from None
            if time.monotonic() > deadline:
                raise ProcessFailed(f"the worker did not start in time; the end of its log:\n{process.log_tail()}") from None
            time.sleep(0.05)
        else:
            return line


def offsets_behind(sent: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Return the position behind the last of records. sent: (partition, offset) of each."""
    ends: dict[int, int] = {}
    for partition, offset in sent:
        ends[partition] = max(ends.get(partition, 0), offset + 1)
    return ends
