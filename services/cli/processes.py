"""Starting, watching and stopping the services as processes of this machine."""

import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from services.runtime.parent_death import service_command

HTTP_OK = 200
LOG_TAIL_BYTES = 4000


class ProcessFailed(RuntimeError):
    """A service ended or didn't become ready. The text says where its log is and shows its end."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One service: `python -m module arguments`, its environment, and the port of its probes (0: it has none)."""

    name: str
    module: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] | None = None
    ops_port: int = 0


class ServiceProcess:
    """One started service. Its output goes to `<logs>/<name>.log`; it dies when this process dies."""

    def __init__(self, spec: ProcessSpec, environment: Mapping[str, str], logs: Path) -> None:
        self.spec = spec
        self.log_file = logs / f"{spec.name}.log"
        self._environment = {**environment, **(spec.environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id, 0 before the start."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it, in a session of its own, so that Ctrl-C reaches only the one who stops things in their order."""
        self._log = self.log_file.open("ab")
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            service_command(self.spec.module, self.spec.arguments),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def alive(self) -> bool:
        """Return whether it runs."""
        return self._process is not None and self._process.poll() is None

    def ready(self) -> bool:
        """Ask its readiness probe once. Raises ProcessFailed when it has ended."""
        if not self.alive():
            raise ProcessFailed(f"{self.spec.name} ended; the end of {self.log_file}:\n{self.log_tail()}")
        if not self.spec.ops_port:
            return True
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.spec.ops_port}/readyz", timeout=2) as answer:
                return bool(answer.status == HTTP_OK)
        except (urllib.error.URLError, OSError):
            return False

    def wait_ready(self, deadline: float) -> None:
        """Wait until it is ready. deadline: of time.monotonic. Raises ProcessFailed."""
        while not self.ready():
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.spec.name} is not ready; the end of {self.log_file}:\n{self.log_tail()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Ask it to end (SIGTERM), without waiting."""
        if self.alive() and self._process:
            self._process.terminate()

    def kill(self) -> None:
        """End it without asking, as the power does."""
        if self.alive() and self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def wait(self, timeout_s: float) -> int:
        """Wait for its end, killing it after timeout_s; return its exit status."""
        if self._process is None:
            return 0
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        if self._log:
            self._log.close()
        return status

    def log_tail(self) -> str:
        """Return the end of its log."""
        if not self.log_file.exists():
            return ""
        return self.log_file.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")

    def resident_bytes(self) -> int:
        """Return its resident memory, 0 when it doesn't run."""
        return resident_bytes(self.pid) if self.alive() else 0


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process from /proc."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
