"""Kafka and Elasticsearch on this machine in one child process: the embedded profile's `noida-db`."""

import asyncio
import importlib.util
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from services.runtime.parent_death import die_with_parent

_HOST = "127.0.0.1"
_POLL_SECONDS = 0.02
# Weak symbols of a newer C library are reported at every start and mean nothing.
_HARMLESS = "weak version `GLIBC"


class EmbeddedServerError(RuntimeError):
    """The embedded server can't run; the message says what to do about it."""


class PortTaken(EmbeddedServerError):
    """Somebody else listens on a port the server was told to use."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(f"port {port} for {name} is taken: stop what listens there or choose another port")
        self.port = port


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


class EmbeddedServers:
    """One `noida-db` child with Kafka and Elasticsearch on the loopback interface.

    Its data are under data_dir. What was acknowledged before stop() is there again after start(); what it acknowledges while it
    stops (30 ms) is lost, so whoever writes stops first. It writes them about once
    a second as a whole (measured: 1 s after the last change, 1.7 s at 140 MB), so a kill -9 of the server itself, or a
    power cut, loses what it acknowledged in that time: the embedded profile is for one machine's trying and testing.
    Its output goes to data_dir/server.log. The child dies with the *thread* that started it (Linux: the kernel sends it
    SIGTERM), so start it from a thread that lives as long as the server is needed. It ignores the terminal's Ctrl-C:
    whoever owns it stops it last.
    """

    def __init__(self, data_dir: Path | str, kafka_port: int, elasticsearch_port: int) -> None:
        self.data_dir = Path(data_dir)
        self.kafka_port = kafka_port
        self.elasticsearch_port = elasticsearch_port
        self.log_file = self.data_dir / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Kafka's address, `host:port`."""
        return f"{_HOST}:{self.kafka_port}"

    @property
    def elasticsearch_url(self) -> str:
        """Elasticsearch's address."""
        return f"http://{_HOST}:{self.elasticsearch_port}"

    @property
    def pid(self) -> int | None:
        """The child's process id; None before start() and after stop()."""
        return self._process.pid if self._process is not None else None

    def alive(self) -> bool:
        """Whether the child runs (not whether it answers)."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = 30.0) -> None:
        """Start the child and return when both ports answer. Nothing happens when it already runs.

        Raises PortTaken, or EmbeddedServerError with the end of its log when it exits or stays silent for timeout
        seconds; no child is left behind then.
        """
        if self.alive():
            return
        self._spawn()
        deadline = time.monotonic() + timeout
        while not self._answers():
            self._check_starting(deadline)
            time.sleep(_POLL_SECONDS)

    async def start_async(self, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - the same signature as start()
        """Do what start() does without blocking the loop; the child belongs to the thread of the loop."""
        if self.alive():
            return
        self._spawn()
        deadline = time.monotonic() + timeout
        while not await asyncio.to_thread(self._answers):
            self._check_starting(deadline)
            await asyncio.sleep(_POLL_SECONDS)

    def stop(self, timeout: float = 30.0) -> None:
        """Ask the child to save and leave; after timeout seconds kill it, which loses the last second. Repeatable."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    async def stop_async(self, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - the same signature as stop()
        """Do what stop() does without blocking the loop."""
        await asyncio.to_thread(self.stop, timeout)

    def kill(self) -> None:
        """Kill the child without warning, as a crash would; start() goes on with what it had saved."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _spawn(self) -> None:
        for name, port in (("Kafka", self.kafka_port), ("Elasticsearch", self.elasticsearch_port)):
            if _listening(port):
                raise PortTaken(name, port)
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [str(_binary()), "start", "--only", "kafka,elasticsearch"]
        command += ["--data-dir", str(self.data_dir), "--host", _HOST]
        command += ["--kafka-port", str(self.kafka_port), "--elasticsearch-port", str(self.elasticsearch_port)]
        with self.log_file.open("wb") as log:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own binary, no shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=die_with_parent(),  # noqa: PLW1509 - prctl is all it calls, nothing that locks
                )
            except OSError as error:
                raise EmbeddedServerError(f"noida-db can't run on this machine: {error}") from error

    def _check_starting(self, deadline: float) -> None:
        if not self.alive():
            code = self._process.returncode if self._process is not None else None
            self._process = None
            raise EmbeddedServerError(f"noida-db left with code {code}: {self._log_tail()}")
        if time.monotonic() > deadline:
            self.kill()
            raise EmbeddedServerError(f"noida-db did not answer in time: {self._log_tail()}")

    def _answers(self) -> bool:
        if not _listening(self.kafka_port):
            return False
        try:
            with urllib.request.urlopen(self.elasticsearch_url, timeout=1) as response:  # noqa: S310 - loopback
                return int(response.status) == 200  # noqa: PLR2004 - HTTP's OK
        except (urllib.error.URLError, OSError):
            return False

    def _log_tail(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        return " / ".join(line for line in lines[-10:] if _HARMLESS not in line) or "its log is empty"


def _binary() -> Path:
    """Find the binary beside the installed package, whatever PATH says, and make sure it may be executed."""
    spec = importlib.util.find_spec("noida_db")
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    for folder in folders:
        binary = Path(folder) / ("noida-db.exe" if os.name == "nt" else "noida-db")
        if binary.is_file():
            if not os.access(binary, os.X_OK):
                binary.chmod(0o755)
            return binary
    raise EmbeddedServerError("the package noida-db is not installed: pip install noida-db (or run make setup)")


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((_HOST, port)) == 0
