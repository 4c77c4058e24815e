"""One core for what is measured, another one for the load and the servers."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cores:
    """Processor numbers. On a machine with one core both are that one; then the figures say little."""

    measured: int
    load: tuple[int, ...]

    def measure_here(self) -> None:
        """Bind this process, and what it starts from now on, to the measured core."""
        bind((self.measured,))

    def load_here(self) -> None:
        """Bind this process, and what it starts from now on, to the cores of the load."""
        bind(self.load)


def choose_cores() -> Cores:
    """Return the first core that this process may use for what is measured, and all others for the load."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], tuple(usable[1:]) or (usable[0],))


def bind(cores: tuple[int, ...], pid: int | str = "self") -> None:
    """Bind every thread of a process to cores; threads and processes that it starts later inherit it."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)
