"""The program as users start it."""

import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

from tests.support.server_process import REPOSITORY, free_port

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
def served(*options: str, folder: Path = REPOSITORY, home: Path | None = None) -> Iterator[Server]:
    """The program of a checkout on a free port; `options` are more of `serve`.

    Its data folder is empty, or `home`.
    """
    port = free_port()
    with nullcontext(home) if home else tempfile.TemporaryDirectory() as home_folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "llmpert", "serve", "--port", str(port), *options],
            cwd=folder,
            env={**os.environ, "LLMPERT_HOME": str(home_folder), "PYTHONPATH": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Server(port, process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)
