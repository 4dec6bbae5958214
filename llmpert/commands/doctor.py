"""`python -m llmpert doctor`: check installation, folders and data sets."""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click

from llmpert import __version__
from llmpert.commands.output import aligned, echo
from llmpert.errors import InputError

Findings = Iterator[tuple[str, str]]
"""What was looked at, and what was found, or a sentence on what is wrong after "PROBLEM: "."""


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
        "Program": _program, "Libraries": _libraries, "Models of other packages": _models,
        "Folders": _folders, "Data sets": _data_sets,
    }  # fmt: skip
    problems = 0
    for title, look in looks.items():
        click.echo(f"{title}:")
        rows: list[tuple[str, str]] = []
        try:
            rows.extend(look())
        except ImportError as error:
            rows.append(("not checked", f"PROBLEM: {error}."))
        problems += sum(found.startswith("PROBLEM: ") for _, found in rows)
        echo(aligned([(f"  {name}", found) for name, found in rows]))
    click.echo(f"{problems or 'No'} problem{'' if problems == 1 else 's'} found.")
    context.exit(1 if problems else 0)


def _program() -> Findings:
    yield "llmpert", __version__
    yield "Python", f"{platform.python_version()} ({sys.executable})"
    yield "system", platform.platform()
    import torch

    yield "threads", f"{torch.get_num_threads()} for torch, of {os.cpu_count()} cores"


def _libraries() -> Findings:
    """Every library of requirements.txt, held against the versions that it allows."""
    from importlib import metadata

    from packaging.requirements import Requirement

    from llmpert.io.paths import app_folder

    for line in (app_folder() / "requirements.txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        asked, version = Requirement(line), ""
        with suppress(metadata.PackageNotFoundError):
            version = metadata.version(asked.name)
        if not version or not asked.specifier.contains(version, prereleases=True):
            found = f"{version} is" if version else "not"
            version = f"PROBLEM: {found} installed; {asked} is needed."
        yield asked.name, version


def _models() -> Findings:
    from llmpert.models.registry import ModelSpec, offered

    found = False
    for package, model in offered():
        found = True
        if isinstance(model, ModelSpec):
            yield model.name, f"{model.label} (from {package})"
        else:
            problem = f"{type(model).__name__}: {model}"
            yield package, f"PROBLEM: its models cannot be used ({problem.rstrip('.')})."
    if not found:
        yield "none", "(packages with an entry point in the group llmpert.models are listed here)"


def _folders() -> Findings:
    from llmpert.downloads import format_bytes
    from llmpert.io.paths import app_folder, free_space, home, shipped

    own = "from LLMPERT_HOME" if os.environ.get("LLMPERT_HOME") else "the default"
    yield "kept data", f"{home()} ({own})"
    try:
        yield "free space", format_bytes(free_space())
    except InputError as error:
        yield "free space", f"PROBLEM: {error}"
    yield "app", str(app_folder())
    given = os.environ.get("LLMPERT_SOURCES")
    sources = Path(given or shipped() / "sources.toml")
    found = f"{sources} ({'from LLMPERT_SOURCES' if given else 'shipped'})"
    yield "public files", found if sources.is_file() else f"PROBLEM: {sources}: no such file."


def _data_sets() -> Findings:
    from llmpert.datasets import DatasetStore

    store = DatasetStore()
    for name in store.names():
        try:
            store.load(name)
        except InputError as problem:
            yield name, f"PROBLEM: {problem}"
        except Exception as error:  # its message may quote the data
            mistake = f"llmpert has a fault ({type(error).__name__}); please report it."
            yield name, f"PROBLEM: {mistake}"
        else:
            yield name, "can be used"
