"""`python -m llmpert serve`: the pages in a browser."""

import os
import sys
from pathlib import Path

import click


@click.command(short_help="Serve the pages at http://localhost:8501.")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", default=8501, show_default=True,
    help="Port to listen on.",
)  # fmt: skip
def serve(port: int) -> None:
    """Serve the pages at http://localhost:PORT until interrupted.

    \b
    Example:
      python -m llmpert serve --port 8600
    """
    app = Path(__file__).resolve().parents[2] / "app.py"
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.port", str(port)]
    # Else each of the many threads keeps what it freed for itself, and matrices leave holes
    # that nothing fits into (glibc).
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**20))
    # Streamlit takes this process's place, so that signals reach it.
    os.execv(sys.executable, command)
