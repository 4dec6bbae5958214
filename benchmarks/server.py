"""The program as users start it."""

import os
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

REPOSITORY = Path(__file__).resolve().parent.parent
PATIENCE = 180
"""Seconds to wait for the first answer."""


@dataclass(frozen=True)
class Server:
    """A running program: its port, and the process that serves."""

    port: int
    process: int

    @property
    def address(self) -> str:
        """What a browser opens."""
        return f"http://127.0.0.1:{self.port}"

    def peak_memory(self) -> int:
        """Its largest resident memory so far, in bytes (Linux)."""
        status = Path(f"/proc/{self.process}/status").read_text()
        (line,) = [x for x in status.splitlines() if x.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024

    def wait_until_it_answers(self) -> None:
        """Until its health check does."""
        deadline = perf_counter() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=1)
                return
            except OSError:
                if perf_counter() > deadline:
                    raise
                sleep(0.1)


@contextmanager
def served() -> Iterator[Server]:
    """The program on a free port and with an empty data folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "llmpert", "serve", "--port", str(port)],
            cwd=REPOSITORY,
            env={**os.environ, "LLMPERT_HOME": home},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Server(port, process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)
