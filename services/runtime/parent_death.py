"""Children that don't outlive their parent: the kernel sends them SIGTERM when the thread that started them ends (Linux)."""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """Return a `preexec_fn` for subprocess.Popen, or None where the system has no such thing. Start the child from a lasting thread."""
    if sys.platform != "linux":
        return None
    # Loaded before the fork: the child may only call what is already there.
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            with contextlib.suppress(ProcessLookupError):
                os.kill(os.getpid(), signal.SIGTERM)

    return ask_kernel
