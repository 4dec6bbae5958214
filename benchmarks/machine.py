"""What a number was measured on."""

import os
import platform
import resource
import sys
import time
from pathlib import Path

import numpy as np


def describe() -> str:
    """The machine in one line, with the speed that dense linear algebra reaches on it."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores,"
        f" Python {platform.python_version()}, float64 matrix product {gemm_rate():.0f} GFLOP/s"
    )


def gemm_rate(size: int = 2000, runs: int = 5) -> float:
    """Median GFLOP/s of a float64 matrix product."""
    left = np.random.default_rng(0).normal(size=(size, size))
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        left @ left
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / float(np.median(seconds)) / 1e9


def peak_memory() -> int:
    """The largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Unlike getrusage, this leaves out what the parent held when it started this process.
        (line,) = [x for x in status.read_text().splitlines() if x.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def verdict(value: float, target: float) -> str:
    """Whether a value stays below its target."""
    return "met" if value < target else "missed"
