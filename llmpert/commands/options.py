"""Options that commands share, checked before any work begins."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

FILE = click.Path(path_type=Path)
SCREENS = (
    "differences to control (.h5ad, .csv, .tsv, also .gz, or .parquet), a bulk file of Replogle et"
    " al. 2022, or single cells (.h5ad)"
)


class NamedFile(click.ParamType):
    """NAME=FILE -> (name, path)."""

    name = "NAME=FILE"

    def __init__(self, example: str) -> None:
        self.example = example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        """Split at the first "="."""
        if isinstance(value, tuple):
            return value
        name, _, file = (part.strip() for part in str(value).partition("="))
        # "+" joins names in results, and "none" stands there for models without embedding.
        if not name or not file or "+" in name or name == "none":
            self.fail(
                "expected NAME=FILE with a name without '+' and other than 'none', such as"
                f" {self.example}, found {value!r}.",
                param,
                ctx,
            )
        return name, Path(file)


def _different_names(
    ctx: click.Context, param: click.Parameter, value: Sequence[tuple[str, Path]]
) -> Sequence[tuple[str, Path]]:
    names = [name for name, _ in value]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise click.BadParameter(
            f"expected a different name for each file, found {repeated[0]!r} twice.", ctx, param
        )
    return value


screens = click.option(
    "--screen", "screens", type=FILE, metavar="FILE", multiple=True,
    help=f"Responses of a cell line: {SCREENS}. Repeat it for several lines.",
)  # fmt: skip

line = click.option(
    "--line", metavar="NAME",
    help="Cell line. Default: what the file says, or the start of its name.",
)  # fmt: skip

lines = click.option(
    "--line", "lines", metavar="NAME", multiple=True,
    help="Cell line of each --screen. Default: what the file says, or the start of its name.",
)  # fmt: skip


def yes(what: str) -> Callable:
    """`--yes`: do it without asking."""
    return click.option("--yes", is_flag=True, help=f"{what} without asking.")


def embeddings(required: bool) -> Callable:
    """`--embedding NAME=FILE`, one or more, with different names."""
    return click.option(
        "--embedding", "embeddings", type=NamedFile("text=genept.pickle"), multiple=True,
        required=required, callback=_different_names,
        help="A source of gene vectors and what to call it: GenePT pickle, UniProt HDF5, Parquet,"
             " CSV or NPZ. Several are joined into one input.",
    )  # fmt: skip


predictions = click.option(
    "--predictions", type=NamedFile("K562=gears.h5ad"), multiple=True, metavar="LINE=FILE",
    help="What a method that was run elsewhere reached on a cell line: its predictions (.h5ad,"
         " perturbations x genes, see the README), or a table (CSV, Parquet) of published results:"
         " perturbation, method, metric and value, or as Scouter publishes them.",
)  # fmt: skip

allow_missing = click.option(
    "--allow-missing", is_flag=True,
    help="Take --predictions that leave out some of the perturbations that models are tested on.",
)  # fmt: skip

genes = click.option(
    "--genes", type=FILE, metavar="FILE",
    help="Gene table that tells which names mean the same gene (CSV, TSV or Parquet). Default: the"
         " one that comes with llmpert.",
)  # fmt: skip

unit = click.option(
    "--unit", help="What one unit of the responses is. Default: what the file says."
)

seed = click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", default=0, show_default=True,
    help="The same seed gives the same result.",
)  # fmt: skip

target = click.option(
    "--target", metavar="COLUMN",
    help="Column of obs with each cell's knocked-down gene. Default: the one that names controls.",
)  # fmt: skip

control = click.option(
    "--control", metavar="LABEL",
    help="What that column says of control cells. Default: non-targeting, control, ctrl, …",
)  # fmt: skip

processes = click.option(
    "--processes", type=click.IntRange(min=1), metavar="N",
    help="Processes that share the work on this machine. Default: one; pseudobulk takes more for"
         " files above 1 GB, as far as 4 GB of memory go.",
)  # fmt: skip

scheduler = click.option(
    "--scheduler", metavar="ADDRESS",
    help="Let the workers of this Dask scheduler do the work, such as tcp://10.0.0.1:8786. They"
         " need the same version of llmpert, and files under the same paths.",
)  # fmt: skip


def out(suffix: str) -> Callable:
    """`--out FILE`, ending in `suffix` and writable now."""

    def check(ctx: click.Context, param: click.Parameter, value: Path) -> Path:
        if value.suffix != suffix:
            raise click.BadParameter(
                f"expected a file that ends in {suffix}, found {str(value)!r}.", ctx, param
            )
        reason = why_not_writable(value)
        if reason:
            raise click.BadParameter(f"{value} cannot be written: {reason}.", ctx, param)
        return value

    return click.option(
        "--out", type=FILE, metavar="FILE", required=True, callback=check,
        help=f"File to write ({suffix}). An earlier one is replaced when the new one is complete.",
    )  # fmt: skip


def why_not_writable(target: Path) -> str:
    """The reason why a file cannot be put at `target`; "" if it can."""
    if target.is_dir():
        return "it is a folder"
    if target.exists() and not os.access(target, os.W_OK):
        return "it is read-only"
    # Folders on the way that do not exist yet will be made.
    folder = next(parent for parent in target.absolute().parents if parent.exists())
    if not folder.is_dir():
        return f"{folder} is not a folder"
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"{error.strerror} in {folder}"
