"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from bench.cores import Cores

Machine = dict[str, str | int | float | bool]


def describe_machine(cores: Cores, *, quick: bool) -> Machine:
    """Return what somebody who compares figures must know. load_before: the load average of the last minute."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "measured_core": cores.measured,
        "load_cores": ",".join(map(str, cores.load)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "grpcio": version("grpcio"),
        "aiokafka": version("aiokafka"),
        "load_before": round(os.getloadavg()[0], 2),
        "quick": quick,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
