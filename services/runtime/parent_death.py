"""Children that don't outlive their parent: the kernel sends them SIGTERM when the thread that started them ends (Linux).

A foreign program gets it by `die_with_parent` before its exec. A service of ours is started as `python -m services.runtime.parent_death
PARENT_PID MODULE ARGUMENTS…` and asks for it itself: code between fork and exec is not safe beside gRPC's threads.
"""

import contextlib
import ctypes
import os
import runpy
import signal
import sys
from collections.abc import Callable, Sequence

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """Return a `preexec_fn` for subprocess.Popen, or None where the system has no such thing. Start the child from a lasting thread."""
    if sys.platform != "linux":
        return None
    # Loaded before the fork: the child may only call what is already there.
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        _die_if_orphaned(parent)

    return ask_kernel


def service_command(module: str, arguments: Sequence[str]) -> list[str]:
    """Return the command line of a module that dies with this process."""
    return [sys.executable, "-m", __name__, str(os.getpid()), module, *arguments]


def _die_if_orphaned(parent: int) -> None:
    if os.getppid() != parent:
        with contextlib.suppress(ProcessLookupError):
            os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Ask the kernel, then become the module that the arguments name."""
    parent, module, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        _die_if_orphaned(int(parent))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
