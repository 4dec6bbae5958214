"""Read what the options name."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from llmpert.commands.output import remark
from llmpert.errors import InputError

if TYPE_CHECKING:
    from llmpert.datasets import Dataset
    from llmpert.embeddings import Embedding
    from llmpert.evaluation.problem import Problem
    from llmpert.genes import GeneTable
    from llmpert.methods.predictions import ExternalPredictions
    from llmpert.methods.published import Published
    from llmpert.screens import Screen

K = TypeVar("K")
T = TypeVar("T")


def read_genes(path: Path | None) -> "GeneTable":
    """Read the gene table of `--genes`, or the shipped one."""
    from llmpert.genes import GeneTable

    return GeneTable.shipped() if path is None else GeneTable.read(path)


def read_screens(
    paths: Sequence[Path], lines: Sequence[str], unit: str | None
) -> dict[str, "Screen"]:
    """Read the screens of `--screen`, `--line` and `--unit`: cell line -> screen.

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
    for path, line in zip_longest(paths, lines):
        screen = read_screen(path, line=line, unit=unit)
        expected = "a screen of another cell line (name it with --line)"
        _add(screens, screen.line, screen, path, expected, screen.line)
    return screens


def read_embeddings(
    named: Sequence[tuple[str, Path]], table: "GeneTable | None" = None
) -> list["Embedding"]:
    """Read the embeddings of `--embedding`, in their order."""
    from llmpert.embeddings import read_embedding

    return [read_embedding(path, name, table) for name, path in named]


def read_predictions(
    named: Sequence[tuple[str, Path]],
) -> tuple[list["ExternalPredictions"], list["Published"]]:
    """Read `--predictions` by kind of file: predictions (`.h5ad`), and tables of results.

    Raises:
        InputError: A file cannot be used, or two would take each other's place.
    """
    from llmpert.methods.predictions import ExternalPredictions
    from llmpert.methods.published import Published

    predictions: dict[tuple[str, str, int], ExternalPredictions] = {}
    published: dict[str, Published] = {}
    for line, path in named:
        if path.suffix.lower() == ".h5ad":
            one = ExternalPredictions.read(path, line)
            _add(
                predictions, (one.method, line, one.train_size), one, path,
                "predictions of another method, line or training size",
                f"{one.method} on {line}, {one.train_size} training perturbations,",
            )  # fmt: skip
        else:
            results = Published.read(path, line)
            _add(published, line, results, path, "published results of another cell line", line)
    return list(predictions.values()), list(published.values())


def _add(found: dict[K, T], key: K, part: T, path: Path, expected: str, name: str) -> None:
    """Add a part that was read; refuse a second one of the same key."""
    if key in found:
        raise InputError.of_file(path, expected, f"{name} a second time")
    found[key] = part


def read_dataset(
    screens: Sequence[Path],
    lines: Sequence[str],
    unit: str | None,
    embeddings: Sequence[tuple[str, Path]],
    table: "GeneTable",
) -> "Dataset":
    """Read the files of `--screen` and `--embedding` as a data set, of which nothing is stored."""
    from llmpert.datasets import Dataset

    sources = {source.name: source for source in read_embeddings(embeddings, table)}
    return Dataset("", read_screens(screens, lines, unit), sources, gene_table=table)


def aligned_problem(data: "Dataset", line: str) -> "Problem":
    """Return the problem of a line and all embeddings; report what is left out of it and why."""
    from llmpert.datasets.report import left_out

    screen, problem = data.screens[line], data.problem(line)
    remark(
        f"{screen.line}: {len(screen.perturbations):,} perturbations x {len(screen.genes):,} genes"
        f" ({screen.unit}), {len(problem.screen.perturbations):,} of them with a vector in"
        f" {problem.embedding_name}."
    )
    for sentence in left_out(problem.left_out):
        remark(f"  {sentence}")
    return problem
