"""What a number was measured on, and how to measure without disturbance."""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil

T = TypeVar("T")


def describe() -> str:
    """Describe the machine in one line, with the speed of dense linear algebra on it."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores,"
        f" Python {platform.python_version()}, matrix product {gemm_rate('float64'):.0f} GFLOP/s in"
        f" float64, {gemm_rate('float32'):.0f} in float32; load {os.getloadavg()[0]:.1f}"
    )


def gemm_rate(precision: str = "float64", size: int = 2000, runs: int = 9) -> float:
    """Return GFLOP/s of a matrix product, the best of some runs: the machine's limit."""
    left = np.random.default_rng(0).normal(size=(size, size)).astype(precision)
    return 2 * size**3 / min(timed(np.matmul, left, left) for _ in range(runs)) / 1e9


def alone(function: Callable[..., T], *arguments: object) -> T:
    """Call a function of a module in a process of its own, which has nothing else in it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def peak_memory(process: int | str = "self") -> int:
    """Return the largest resident memory of a process so far, in bytes; off Linux its own only."""
    status = Path(f"/proc/{process}/status")
    if status.is_file():
        # Unlike getrusage, this leaves out what the parent held when it started this process.
        (line,) = [x for x in status.read_text().splitlines() if x.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def memory_of_all(process: int) -> tuple[int, list[int]]:
    """Return the bytes that a process and all it started take, and of each what only it has."""
    first = psutil.Process(process)
    found = [x.memory_full_info() for x in (first, *first.children(recursive=True))]
    return sum(x.pss for x in found), [x.uss for x in found]


def verdict(value: float, target: float) -> str:
    """Say whether a value stays below its target."""
    return "met" if value < target else "missed"


def timed(function: Callable[..., object], *arguments: object) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start
