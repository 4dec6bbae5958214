"""How the process runs: what idle threads do, and who is on its own machine."""

import os
from pathlib import Path

LOCAL = ("localhost", "127.0.0.1", "::1")
"""Addresses, and names of a server, that only its own machine reaches."""

# OpenMP (torch) and OpenBLAS (NumPy, SciPy) keep threads of their own. A thread that spins for long
# while it waits takes the core from the other library's threads, and from another visitor's fit;
# one that never spins wakes up late, many times a second. Both count very short spins: iterations,
# and processor cycles as a power of two.
WAITING = {"GOMP_SPINCOUNT": "10000", "OPENBLAS_THREAD_TIMEOUT": "16"}


def wait_briefly() -> None:
    """Let idle threads spin briefly, unless the environment sets another policy.

    It counts only before NumPy and torch are imported.
    """
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)


def free_memory() -> int | None:
    """Return how many bytes programs can still take, or None where the system does not say."""
    found = Path("/proc/meminfo")
    lines = found.read_text().splitlines() if found.is_file() else []
    return next((int(x.split()[1]) * 1024 for x in lines if x.startswith("MemAvailable:")), None)
