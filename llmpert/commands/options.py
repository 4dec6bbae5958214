"""Options that commands share, checked before any work begins, and reading what they name."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from llmpert.commands.output import echo, remark
from llmpert.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from llmpert.datasets import Dataset
    from llmpert.embeddings import Embedding
    from llmpert.evaluation.experiment import FittedModel
    from llmpert.evaluation.problem import Problem
    from llmpert.evaluation.trained import TrainedModel
    from llmpert.genes import GeneTable
    from llmpert.screens import Screen

FILE = click.Path(path_type=Path)
NamedFiles = Sequence[tuple[str, Path]]
Sources = Mapping[str, Path | None]
"""Embeddings by name: their files, None for those that come with llmpert."""
SCREENS = (
    "differences to control (.h5ad, .csv, .tsv, also .gz, or .parquet), a bulk file of Replogle et"
    " al. 2022, or single cells (.h5ad)"
)


def _named_file(value: str, example: str) -> tuple[str, Path]:
    name, _, file = (part.strip() for part in value.partition("="))
    # "+" joins names in results, and "none" stands there for models without embedding.
    if not name or not file or "+" in name or name == "none":
        raise click.BadParameter(
            "expected NAME=FILE with a name without '+' and other than 'none', such as"
            f" {example}, found {value!r}."
        )
    return name, Path(file)


def _sources(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> Sources:
    from llmpert.embeddings import BUILT_IN

    found: dict[str, Path | None] = {}
    own = {name.lower(): name for name in BUILT_IN}
    for value in values:
        name, file = own.get(value.strip().lower()), None
        if name is None:
            name, file = _named_file(value, "text=genept.pickle")
        if name in found:
            raise click.BadParameter(
                f"expected a different name for each file, found {name!r} twice."
            )
        found[name] = file
    return found


def count(*names: str, least: int = 1, **others: Any) -> Callable:
    """Declare an option for a whole number of at least `least`."""
    kind = click.IntRange(min=least)
    return click.option(*names, type=kind, metavar="N", show_default=True, **others)


data = click.option(
    "--data", "name", metavar="DATASET",
    help="A data set of the pages, in place of --screen and --embedding: its lines, cut to their"
         " common perturbations, and all its embeddings.",
)  # fmt: skip

screens = click.option(
    "--screen", "screens", type=FILE, metavar="FILE", multiple=True,
    help=f"Responses of a cell line: {SCREENS}. Repeat it for several lines.",
)  # fmt: skip

line = click.option(
    "--line", metavar="NAME",
    help="Cell line. Default: as stated in the file, or in its name.",
)  # fmt: skip

lines = click.option(
    "--line", "lines", metavar="NAME", multiple=True,
    help="Cell line of each --screen. Default: as stated in the file, or in its name.",
)  # fmt: skip


yes = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


embeddings = click.option(
    "--embedding", "embeddings", callback=_sources, multiple=True, metavar="NAME=FILE",
    help="A file of gene vectors and its name: GenePT pickle, UniProt HDF5, Parquet, CSV or NPZ;"
        " or the name of a built-in embedding of human genes: go, description. Several are joined"
        " into one input. Default: go and description.",
)  # fmt: skip

orthologs = click.option(
    "--orthologs", type=FILE, metavar="FILE",
    help="For screens of mouse genes and embeddings of human ones: a table of two columns, mouse"
         " and human symbol, separated by tab or comma.",
)  # fmt: skip

predictions = click.option(
    "--predictions", multiple=True, metavar="LINE=FILE",
    callback=lambda ctx, param, values: [_named_file(v, "K562=gears.h5ad") for v in values],
    help="Results of another method on a cell line: its predictions (.h5ad, perturbations x"
        " genes), or a table (CSV, Parquet) of published results: perturbation, method, metric"
        " and value, or as Scouter publishes them.",
)  # fmt: skip

genes = click.option(
    "--genes", type=FILE, metavar="FILE",
    help="Table of gene names and their synonyms (CSV, TSV or Parquet). Default: the built-in one.",
)  # fmt: skip

unit = click.option("--unit", help="Unit of the responses. Default: as stated in the file.")

seed = count(
    "--seed",
    least=0,
    default=0,
    help="Seed of the random numbers; the same seed gives the same result.",
)

features = count(
    "--features", least=2, default=2000,
    help="Genes predicted and scored: those that vary most over the training perturbations.",
)  # fmt: skip

top = count(
    "--top", least=2, default=20,
    help="Top differentially expressed genes that the top metrics look at.",
)  # fmt: skip

asked = click.option(
    "--score", "asked", multiple=True, metavar="NAME",
    help="A score to print, by its name in the written table; give several, or `all`. Default: the"
         " paper's four.",
)  # fmt: skip

target = click.option(
    "--target", metavar="COLUMN",
    help="Column of obs with each cell's knocked-down gene. Default: detected.",
)  # fmt: skip

control = click.option(
    "--control", metavar="LABEL", multiple=True,
    help="Label of control cells in that column; repeatable; * matches anything. Default:"
        " non-targeting, control, ctrl, …",
)  # fmt: skip

layer = click.option(
    "--layer", metavar="NAME",
    help="Layer of an AnnData file with the values, in place of X; 'raw' is AnnData's raw.",
)  # fmt: skip

processes = count(
    "--processes",
    help="Worker processes on this machine. Default: one; pseudobulk uses more for files above 1"
    " GB, within 4 GB of memory.",
)

scheduler = click.option(
    "--scheduler", metavar="ADDRESS",
    help="Address of a Dask scheduler whose workers do the work, such as tcp://10.0.0.1:8786."
        " They need the same version of llmpert, and files under the same paths.",
)  # fmt: skip


def out(*suffixes: str, required: bool = True) -> Callable:
    """`--out FILE`, ending in one of `suffixes` and writable now."""
    endings = " or ".join(suffixes)

    def check(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
        if value is None:
            return None
        if value.suffix not in suffixes:
            raise click.BadParameter(
                f"expected a file that ends in {endings}, found {str(value)!r}."
            )
        if reason := why_not_writable(value):
            raise click.BadParameter(f"{value} cannot be written: {reason}.")
        return value

    return click.option(
        "--out", type=FILE, metavar="FILE", required=required, callback=check,
        help=f"File to write ({endings}). An existing file is replaced once the new one is"
            " complete.",
    )  # fmt: skip


def why_not_writable(target: Path) -> str:
    """Say why a file cannot be put at `target`; "" if it can."""
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


@dataclass(frozen=True)
class Reading:
    """How to read screens where their files are ambiguous: arguments of `read_screen`."""

    unit: str | None = None
    values: str | None = None
    target: str | None = None
    control: Sequence[str] = ()
    layer: str | None = None
    bounds: tuple[float, float] | None = None


def reading(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `Reading` as one argument `reading`."""

    @unit
    @click.option(
        "--values", metavar="KIND",
        help="Kind of the values of --screen: differences (to control) or means (on a log scale);"
            " for single cells counts, log or log2. Default: detected.",
    )  # fmt: skip
    @target
    @control
    @layer
    @click.option(
        "--bounds", type=float, nargs=2, metavar="LOW HIGH",
        help="Lowest and highest value that the unit of --screen allows, such as 0 1 of rank"
            " scores; inf for none. Intervals end within. Default: as stated in the file.",
    )  # fmt: skip
    @wraps(command)
    def with_reading(
        unit: str | None, values: str | None, target: str | None, control: Sequence[str],
        layer: str | None, bounds: tuple[float, float] | None, **others: Any,
    ) -> None:  # fmt: skip
        command(reading=Reading(unit, values, target, control, layer, bounds), **others)

    return with_reading


def read_screens(
    paths: Sequence[Path], lines: Sequence[str], reading: Reading
) -> dict[str, "Screen"]:
    """Read the screens of these options: cell line -> screen.

    Raises:
        click.UsageError: Neither no nor one line a screen was given.
        InputError: A file cannot be used, or two are of the same line.
    """
    from llmpert.screens import read_screen

    if lines and len(lines) != len(paths):
        raise click.UsageError(
            f"Expected one --line for each of {len(paths)} --screen, found {len(lines)}."
        )
    screens: dict[str, Screen] = {}
    for path, name in zip_longest(paths, lines):
        screen = read_screen(path, line=name, **vars(reading))
        if screen.line in screens:
            expected = "a screen of another cell line (name it with --line)"
            raise InputError.of_file(path, expected, f"{screen.line} a second time")
        screens[screen.line] = screen
    return screens


def read_embeddings(
    sources: Sources,
    genes: "GeneTable | None" = None,
    orthologs: Path | None = None,
    screens: "Sequence[Screen]" = (),
) -> list["Embedding"]:
    """Read the embeddings of `--embedding`, through `--orthologs` where these screens need it.

    Without screens those that lack the mouse genes of the file need it.
    """
    from llmpert.embeddings import built_in, lacks_mouse, read_embedding, through_orthologs
    from llmpert.genes.orthologs import Orthologs

    found = [
        built_in(name) if path is None else read_embedding(path, name, genes)
        for name, path in sources.items()
    ]
    if orthologs is None:
        return found
    pairs = Orthologs.read(orthologs)
    wanted = [list(screen.perturbations) for screen in screens] or [list(pairs.human)]
    lacking = [any(lacks_mouse(one, names) for names in wanted) for one in found]
    if found and not any(lacking):
        remark(f"{orthologs}: not used; the embeddings do not need orthologs for these screens.")
    return [
        through_orthologs(one, pairs, genes) if needed else one
        for one, needed in zip(found, lacking, strict=True)
    ]


def trained_model(
    path: Path, embeddings: Sources, genes: Path | None, orthologs: Path | None
) -> "tuple[TrainedModel, GeneTable | None]":
    """Read a trained model with the embeddings of these options, and their gene table, if any."""
    from llmpert.embeddings import BUILT_IN
    from llmpert.evaluation.trained import TrainedModel
    from llmpert.genes import GeneTable

    table = GeneTable.read(genes) if genes else None
    # Those that come with llmpert are found by themselves, yet not those of mouse genes.
    sources = {**dict.fromkeys(BUILT_IN), **embeddings} if orthologs else embeddings
    return TrainedModel.load(path, read_embeddings(sources, table, orthologs), table), table


def built_in_embeddings(
    screen: "Screen", genes: "GeneTable | None" = None, orthologs: Path | None = None
) -> list["Embedding"]:
    """Return and announce the built-in embeddings; none if they lack the screen's genes.

    They stand in where no `--embedding` is given.
    """
    from llmpert.embeddings import BUILT_IN
    from llmpert.evaluation.problem import Problem

    names = " and ".join(BUILT_IN)
    found = read_embeddings(dict.fromkeys(BUILT_IN), genes, orthologs, [screen])
    try:
        Problem.align(screen, found, genes)
    except InputError as problem:
        remark(f"No --embedding, and {names}, which come with llmpert, do not fit: {problem}")
        return []
    remark(f"Embeddings: {names} of human genes, which come with llmpert.")
    return found


def data_or_screens(
    name: str | None,
    screens: Sequence[Path],
    lines: Sequence[str],
    reading: Reading,
    embeddings: Sources,
    genes: Path | None,
    orthologs: Path | None,
) -> "Dataset":
    """Load the data set of `--data`, or read the files of the other options as one.

    Raises:
        click.UsageError: Both are given, or neither.
        InputError: There is no such data set, or a file cannot be used.
    """
    from llmpert.datasets import DatasetStore
    from llmpert.genes import GeneTable

    if name and (screens or embeddings or orthologs or lines or reading != Reading()):
        raise click.UsageError("Expected --data or files, found both.")
    if not name and not screens:
        raise click.UsageError("Expected --data, or at least one --screen.")
    if not name:
        return read_dataset(screens, lines, reading, embeddings, genes, orthologs)
    data = DatasetStore().load_measured(name)
    return replace(data, gene_table=GeneTable.read(genes) if genes else None)


def read_dataset(
    screens: Sequence[Path],
    lines: Sequence[str],
    reading: Reading,
    embeddings: Sources,
    genes: Path | None,
    orthologs: Path | None,
) -> "Dataset":
    """Read the files of these options as a data set, of which nothing is stored."""
    from llmpert.datasets import Dataset, Parts
    from llmpert.datasets.report import contents
    from llmpert.genes import GeneTable

    table = GeneTable.read(genes) if genes else None
    read = read_screens(screens, lines, reading)
    sources = read_embeddings(embeddings, table, orthologs, list(read.values()))
    sources = sources or built_in_embeddings(next(iter(read.values())), table, orthologs)
    if orthologs:
        echo(contents(Parts(embeddings=sources)), err=True)
    return Dataset("", read, {one.name: one for one in sources}, gene_table=table)


class FullModel(NamedTuple):
    """A Gaussian process trained on all perturbations of a line.

    Attributes:
        screen: What it was trained on; None where only the model is at hand.
        cells: Of each of these perturbations; None where unknown.
        raised_only: Whether responses know of raised genes alone.
        what: What it is, in words.
    """

    fitted: "FittedModel"
    screen: "Screen | None"
    cells: "np.ndarray | None"
    raised_only: bool
    what: str
    simulated: bool


def any_model(command: Callable[..., None]) -> Callable[..., None]:
    """Declare the options that `full_model` takes."""
    for option in (
        line,
        click.option(
            "--trained", type=FILE, metavar="FILE", help="A model written by `train`, in its place."
        ),
        click.option(
            "--data", "name", metavar="DATASET",
            help="A data set of the pages.  [default: the trained models that come with llmpert]",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def full_model(name: str | None, trained: Path | None, line: str | None) -> FullModel:
    """Return the model of a data set's line, fitted or trained, or that of a file."""
    from llmpert.datasets import DatasetStore
    from llmpert.datasets.builtin import RANKS
    from llmpert.evaluation.experiment import Experiment
    from llmpert.evaluation.trained import TrainedModel
    from llmpert.models.registry import GAUSSIAN_PROCESS

    if name and trained:
        raise click.UsageError("Expected --data or --trained, found both.")
    if trained:
        kept, data = {"": TrainedModel.load(trained, read_embeddings({}))}, None
    else:
        data = DatasetStore().load(name or RANKS)
        kept = dict(data.trained)
    lines = list(kept) or list(data.screens if data else ())
    chosen = "" if trained else line or lines[0]
    if chosen not in lines:
        raise InputError(f"Expected a line among {', '.join(lines)}, found {chosen!r}.")
    if model := kept.get(chosen):
        what = f"{model.line}, trained model"
        return FullModel(model.fitted, None, model.cells, model.raised_only, what, model.simulated)
    if data is None:
        raise ValueError("neither a data set nor a trained model")
    problem = aligned_problem(data, chosen)
    fitted, screen = Experiment(problem).fit_all(GAUSSIAN_PROCESS), problem.screen
    return FullModel(fitted, screen, screen.cells, screen.raised_only, chosen, problem.simulated)


def text_or_file(given: str) -> str:
    """Return what is given, or the text of the file that it names as @FILE."""
    if not given.startswith("@"):
        return given
    from llmpert.io.limits import refuse_more
    from llmpert.io.reading import as_input_error, require_file

    path = require_file(given[1:])
    refuse_more(path, 2**20, "bytes of text", path.stat().st_size)
    with as_input_error(path, "a text file of genes"):
        return path.read_text("utf-8-sig")


def aligned_problem(data: "Dataset", line: str) -> "Problem":
    """Return the problem of a line and all embeddings; report what is left out of it and why."""
    from llmpert.datasets.report import left_out

    screen, problem = data.screens[line], data.problem(line)
    remark(
        f"{screen.line}: {len(screen.perturbations):,} perturbations x {len(screen.genes):,} genes"
        f" ({screen.unit}), {len(problem.screen.perturbations):,} of them with a vector in"
        f" {problem.embedding_name}."
    )
    echo((f"  {sentence}" for sentence in left_out(problem.left_out)), err=True)
    return problem
