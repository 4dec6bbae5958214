"""The program as a process of its own, started as its users start it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
STREAMLIT = ("streamlit", "run", "app.py")
"""As in README; `serve` is ("llmpert", "serve")."""


@dataclass(frozen=True)
class Running:
    """A server that answers, its process, and the file with what it says on standard error."""

    port: int
    log: Path
    process: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def eventually(condition: Callable[[], object]) -> None:
    """Wait until something holds, for at most a minute."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    assert condition()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(
    command: Sequence[str],
    home: Path,
    log: Path,
    *,
    folder: Path = REPOSITORY,
    health: str = "/_stcore/health",
    path: Path = REPOSITORY,
) -> Iterator[Running]:
    """A Python module with arguments as a server with a data folder, started in a folder.

    `health` is what answers once the server does, `path` the folder to import llmpert from.
    """
    port = free_port()
    name = "--server.port" if "streamlit" in command else "--port"
    with log.open("wb") as stderr:
        server = subprocess.Popen(
            [sys.executable, "-m", *command, name, str(port)],
            cwd=folder,
            env={**os.environ, "LLMPERT_HOME": str(home), "PYTHONPATH": str(path)},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{health}", timeout=1)
                break
            except OSError:
                if server.poll() is not None:
                    raise AssertionError(log.read_text("utf-8", "replace")) from None
                time.sleep(0.1)
        yield Running(port, log, server.pid)
    finally:
        server.terminate()
        server.wait(timeout=20)
