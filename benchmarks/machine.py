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

T = TypeVar("T")


def describe() -> str:
    """The machine in one line, with the speed that dense linear algebra reaches on it."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores,"
        f" Python {platform.python_version()}, matrix product {gemm_rate('float64'):.0f} GFLOP/s in"
        f" float64, {gemm_rate('float32'):.0f} in float32"
    )


def gemm_rate(precision: str = "float64", size: int = 2000, runs: int = 9) -> float:
    """GFLOP/s of a matrix product, the best of some runs: the machine's limit."""
    left = np.random.default_rng(0).normal(size=(size, size)).astype(precision)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        left @ left
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds) / 1e9


def alone(function: Callable[..., T], *arguments: object) -> T:
    """What a function of a module returns in a process of its own, which has nothing else in it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


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
