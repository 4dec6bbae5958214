"""`python -m llmpert doctor`: whether all that the program needs is there."""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import click

from llmpert import __version__
from llmpert.commands.output import aligned, echo
from llmpert.errors import InputError

Finding = tuple[str, str, str]
"""What was looked at, what was found, and a sentence on what is wrong with it or ""."""


@click.command(short_help="Check the installation, the folders and the data sets.")
@click.pass_context
def doctor(context: click.Context) -> None:
    """Print versions, folders, free space, and whether each data set can be used.

    Data sets are read whole, and nothing of their content is printed. The exit code is 1 if
    something is broken.

    \b
    Example:
      python -m llmpert doctor
    """
    looks = {
        "Program": _program, "Libraries": _libraries, "Folders": _folders, "Data sets": _data_sets,
    }  # fmt: skip
    problems = 0
    for title, look in looks.items():
        click.echo(f"{title}:")
        rows: list[Finding] = []
        try:
            rows.extend(look())
        except ImportError as error:
            rows.append(("not checked", "", f"{error}."))
        problems += sum(1 for *_, problem in rows if problem)
        echo(aligned([(f"  {name}", what or f"PROBLEM: {why}") for name, what, why in rows]))
    click.echo(f"{problems or 'No'} problem{'' if problems == 1 else 's'} found.")
    context.exit(1 if problems else 0)


def _program() -> Iterator[Finding]:
    yield "llmpert", __version__, ""
    yield "Python", f"{platform.python_version()} ({sys.executable})", ""
    yield "system", platform.platform(), ""
    import torch

    yield "threads", f"{torch.get_num_threads()} for torch, of {os.cpu_count()} cores", ""


def _libraries() -> Iterator[Finding]:
    """Every library of requirements.txt, held against the versions that it allows."""
    from packaging.requirements import Requirement

    from llmpert.io.paths import app_folder

    for line in (app_folder() / "requirements.txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        asked, version = Requirement(line), ""
        with suppress(metadata.PackageNotFoundError):
            version = metadata.version(asked.name)
        if version and asked.specifier.contains(version, prereleases=True):
            yield asked.name, version, ""
        else:
            found = f"{version} is" if version else "not"
            yield asked.name, "", f"{found} installed; {asked} is needed."


def _folders() -> Iterator[Finding]:
    from llmpert.downloads import format_bytes
    from llmpert.io.paths import app_folder, free_space, home, shipped

    try:
        free, problem = format_bytes(free_space()), ""
    except InputError as error:
        free, problem = "", str(error)
    yield "kept data", f"{home()} ({_origin('LLMPERT_HOME', 'the default')})", ""
    yield "free space", free, problem
    yield "app", str(app_folder()), ""
    sources = Path(os.environ.get("LLMPERT_SOURCES") or shipped() / "sources.toml")
    missing = "" if sources.is_file() else f"{sources}: no such file."
    origin = _origin("LLMPERT_SOURCES", "shipped")
    yield "public files", "" if missing else f"{sources} ({origin})", missing


def _origin(variable: str, otherwise: str) -> str:
    return f"from {variable}" if os.environ.get(variable) else otherwise


def _data_sets() -> Iterator[Finding]:
    from llmpert.datasets import DatasetStore

    store = DatasetStore()
    for name in store.names():
        try:
            store.load(name)
        except InputError as problem:
            yield name, "", str(problem)
        except Exception as error:  # its message may quote the data
            yield name, "", f"llmpert made a mistake ({type(error).__name__}); please report it."
        else:
            yield name, "can be used", ""
