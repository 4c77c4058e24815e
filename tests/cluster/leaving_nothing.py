"""A folder for one run: when the run ends, by itself or by a signal, its processes and files are gone."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

#: In the environment of every process of a run, so that they are found whatever became of those who started them.
MARK = "TESTS_CLUSTER_HOME"
_GONE_S = 20.0
_TERMINATED = 128 + signal.SIGTERM


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Give an empty folder. When the block ends every process that was started in it is killed, by its id, and the folder removed.

    SIGTERM ends the block as sys.exit does. Call from the main thread.
    """
    home = Path(tempfile.mkdtemp(prefix="sluice-cluster-"))
    os.environ[MARK] = str(home)
    signal.signal(signal.SIGTERM, _leave)
    try:
        yield home
    finally:
        # From here on nothing interrupts: a second signal would leave behind what the first one began to clear away.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        del os.environ[MARK]
        end_processes_of(home)
        shutil.rmtree(home, ignore_errors=True)


def end_processes_of(home: Path) -> None:
    """Kill every process with home as its mark, and wait until they are gone. One that is stopped dies by SIGKILL only."""
    deadline = time.monotonic() + _GONE_S
    while (left := processes_of(home)) and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def processes_of(home: Path) -> list[int]:
    """Return the ids of the processes that have home as their mark, without this one and without those that ended (Linux)."""
    wanted, found = f"{MARK}={home}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # Of a process that ended and isn't waited for yet there is nothing to read.
            marked = wanted in (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if marked and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def _leave(_number: int, _frame: object) -> NoReturn:
    sys.exit(_TERMINATED)
