"""Data sets: screens and embeddings that are looked at together, built in or imported."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmpert.embeddings import Embedding, load_embedding, save_embedding
from llmpert.errors import InputError
from llmpert.problem import Problem
from llmpert.screens import Screen, common_perturbations
from llmpert.simulation import simulate
from llmpert.storage import home

SIMULATED = "simulated"
"""Name of the built-in data set."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Screens cut to their common perturbations, with the embeddings to predict them from.

    Attributes
    ----------
    name:
        As chosen on import; "simulated" for the built-in one.
    screens:
        Cell line -> screen; all have the same perturbations in the same order.
    embeddings:
        Source name -> embedding.
    """

    name: str
    screens: Mapping[str, Screen]
    embeddings: Mapping[str, Embedding]

    @property
    def simulated(self) -> bool:
        """Whether any part of it comes from a simulation."""
        screens, embeddings = self.screens.values(), self.embeddings.values()
        return any(s.simulated for s in screens) or any(e.simulated for e in embeddings)

    @property
    def embedding_choices(self) -> list[str]:
        """Each source by itself and, where there are several, all joined by "+"."""
        names = list(self.embeddings)
        return [*names, "+".join(names)] if len(names) > 1 else names

    def problem(self, line: str, embedding: str) -> Problem:
        """The problem of one line and one of `embedding_choices`.

        All choices are cut to the perturbations that have every embedding, so that results on
        different embeddings are about the same genes.

        Raises
        ------
        InputError
            There is no such line or embedding.
        """
        if line not in self.screens:
            raise InputError(f"Expected a cell line among {', '.join(self.screens)}, found {line}.")
        aligned = Problem.align(self.screens[line], list(self.embeddings.values()))
        return aligned.only(*embedding.split("+"))


def simulated_dataset() -> Dataset:
    """The built-in simulated pair of screens with its embeddings."""
    simulation = simulate()
    return Dataset(SIMULATED, simulation.screens, simulation.embeddings)


def folder(name: str) -> Path:
    """Where an imported data set is kept.

    Raises
    ------
    InputError
        The name is not made of letters, digits, "-" and "_" only, or is taken by the built-in one.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name) or name == SIMULATED:
        raise InputError(
            "Expected a data set name of letters, digits, - and _ other than"
            f" {SIMULATED!r}, found {name!r}."
        )
    return home() / "datasets" / name


def names() -> list[str]:
    """All data sets there are: imported ones first, then the built-in one."""
    kept = home() / "datasets"
    imported = sorted(p.name for p in kept.iterdir() if p.is_dir()) if kept.is_dir() else []
    return [*(n for n in imported if any((kept / n / "screens").glob("*.h5ad"))), SIMULATED]


def load(name: str) -> Dataset:
    """Load a data set by name.

    Raises
    ------
    InputError
        There is none of this name, or one of its files cannot be read.
    """
    if name == SIMULATED:
        return simulated_dataset()
    if name not in names():
        raise InputError(f"Expected a data set among {', '.join(names())}, found {name!r}.")
    kept = folder(name)
    screens = [Screen.load(path) for path in sorted((kept / "screens").glob("*.h5ad"))]
    embeddings = [load_embedding(path) for path in sorted((kept / "embeddings").glob("*.parquet"))]
    if not embeddings:
        raise InputError(f"Data set {name} in {kept} has no embedding yet; import one.")
    if len(screens) > 1:
        screens = common_perturbations(*screens)
    # "text" leads where it is there: the source that predicts best by itself is shown first.
    embeddings.sort(key=lambda e: (e.name != "text", e.name))
    return Dataset(name, {s.line: s for s in screens}, {e.name: e for e in embeddings})


def add(name: str, screens: Sequence[Screen], embeddings: Sequence[Embedding]) -> Path:
    """Add screens and embeddings to a data set, replacing those of the same line or source.

    Returns
    -------
    The folder they are kept in.
    """
    kept = folder(name)
    for screen in screens:
        screen.save(kept / "screens" / f"{_file_name(screen.line)}.h5ad")
    for embedding in embeddings:
        save_embedding(embedding, kept / "embeddings" / f"{_file_name(embedding.name)}.parquet")
    return kept


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", name) or "+" in name:
        raise InputError(
            "Expected a cell line or embedding name of letters, digits, blank, . - and _,"
            f" found {name!r}."
        )
    return name


def stamp(name: str) -> float:
    """A number that changes when a data set's files do; 0 for the built-in one."""
    if name == SIMULATED:
        return 0.0
    return max((path.stat().st_mtime for path in folder(name).rglob("*")), default=0.0)
