"""`python -m bench.bare_append ORDER`: a bare append to the followers of the same activities, on one core.

ORDER is JSON: what the population's Spec has, capacity, core. Each line on standard input names a file with the activities' authors
(int32[n], negative minus one where it was put to the group); each line out is the processor seconds that appending them took.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np

from bench.activities import Written
from bench.bare import BareRings
from bench.cores import bind
from bench.population import Spec
from bench.repeats import processor_seconds
from services.runtime.parent_death import service_command


class BareAppends:
    """The process, kept between repeats: filling the rings takes longer than appending to them."""

    def __init__(self, spec: Spec, capacity: int, core: int, folder: Path) -> None:
        self._order = json.dumps({**asdict(spec), "capacity": capacity, "core": core})
        self._file = folder / "authors.npy"

    def __enter__(self) -> Self:
        command = service_command("bench.bare_append", [self._order])
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
        self._read()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def seconds(self, written: list[Written]) -> float:
        """Return the processor seconds of appending these activities."""
        np.save(self._file, np.array([-1 - one.author if one.in_group else one.author for one in written], np.int32))
        if self._process.stdin is None:
            raise RuntimeError("the process is not running")
        print(self._file, file=self._process.stdin, flush=True)
        return float(self._read())

    def _read(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the bare append ended; its last words are above")
        return line


def main() -> None:
    """Append what the lines name."""
    order = json.loads(sys.argv[1])
    bind((order.pop("core"),))
    capacity = order.pop("capacity")
    spec = Spec(**order)
    population, rings = spec.build(), BareRings(spec.users, capacity)
    print("ready", flush=True)
    for line in sys.stdin:
        authors = np.load(line.strip()).tolist()
        rows = [population.rows_for(-1 - at if at < 0 else at, in_group=at < 0) for at in authors]
        print(processor_seconds(partial(rings.append_all, rows)), flush=True)


if __name__ == "__main__":
    main()
