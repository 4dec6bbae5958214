"""`python -m llmpert serve`: the pages in a browser."""

import os
import re
import socket
import sys

import click

from llmpert.runtime import LOCAL


def _base_path(context: click.Context, option: click.Parameter, value: str) -> str:
    path = value.strip("/")
    if path and not re.fullmatch(r"(/[\w~-][\w.~-]*)+", f"/{path}", re.ASCII):
        raise click.BadParameter(f"expected a path like /llmpert, found {value!r}.")
    return path


def _address(context: click.Context, option: click.Parameter, value: str) -> str:
    family = socket.AF_INET6 if ":" in value else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((value, 0))
    except OSError as error:
        raise click.BadParameter(
            f"expected an address of this machine, found {value!r} ({error.strerror})."
        ) from error
    return value


def _workers(context: click.Context, option: click.Parameter, value: int) -> int:
    if value > 1 and not hasattr(socket, "send_fds"):
        raise click.BadParameter("more than 1 needs Linux or macOS.")
    return value


@click.command(short_help="Serve the pages at http://localhost:8501.")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", default=8501, show_default=True,
    help="Port to listen on.",
)  # fmt: skip
@click.option(
    "--address", metavar="ADDRESS", default="localhost", show_default=True, callback=_address,
    help="Address to listen on; 0.0.0.0 for all of this machine.",
)  # fmt: skip
@click.option(
    "--allow-host", "hosts", metavar="NAME", multiple=True,
    help="Name under which browsers reach the server, as behind a proxy; repeatable.",
)  # fmt: skip
@click.option(
    "--base-path", metavar="PATH", default="", callback=_base_path,
    help="Path prefix of the pages behind a proxy, such as /llmpert.",
)  # fmt: skip
@click.option(
    "--shared/--trust-visitors", default=None,
    help="Multi-user mode: visitors can neither change the data folder nor open files of this"
        " machine. Default: on if other machines can reach the server (--address, --allow-host or"
        " --base-path).",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, 64), metavar="N", default=1, show_default=True,
    callback=_workers,
    help="Server processes. Each needs its own memory and keeps its visitors.",
)  # fmt: skip
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="Format of the log on standard error.",
)  # fmt: skip
def serve(
    port: int,
    address: str,
    hosts: tuple[str, ...],
    base_path: str,
    shared: bool | None,
    workers: int,
    log_format: str,
) -> None:
    """Serve the pages at http://localhost:PORT until interrupted.

    Only this machine can reach them unless --address says otherwise. Under other names than
    localhost they work only with --allow-host, or if --address names another address and no
    --allow-host is given. docs/serving.md describes how to serve a lab.

    \b
    Example:
      python -m llmpert serve --port 8600
      python -m llmpert serve --shared --base-path /llmpert --allow-host llmpert.lab.example
    """
    # Else each of the many threads keeps what it freed for itself, and matrices leave holes
    # that nothing fits into (glibc).
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**20))
    os.environ["LLMPERT_LOG_FORMAT"] = log_format
    if shared is not None:
        os.environ["LLMPERT_SHARED"] = str(int(shared))
    command = streamlit_command(port, address, hosts, base_path)
    if log_format == "json":  # the welcome goes to standard output, for people
        command.append("--logger.hideWelcomeMessage=true")
    if workers > 1:
        from llmpert.ui.serving.workers import run

        run(workers, address, port, command[3:])
    # Streamlit takes this process's place, so that signals reach it.
    os.execv(sys.executable, command)


def streamlit_command(port: int, address: str, hosts: tuple[str, ...], base_path: str) -> list[str]:
    """Return what starts Streamlit on the pages; its other settings are in .streamlit/config.toml.

    Where no `hosts` are named and the address is not local, browsers may use any name.
    """
    from llmpert.io.paths import app_folder

    allowed = [*LOCAL, *hosts] if hosts or address in LOCAL else ["*"]
    return [
        sys.executable, "-m", "streamlit", "run", str(app_folder() / "app.py"),
        f"--server.port={port}", f"--server.address={address}", f"--server.baseUrlPath={base_path}",
        *(f"--server.allowedHosts={name}" for name in allowed),
    ]  # fmt: skip
