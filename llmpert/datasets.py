"""Data sets: screens and embeddings that are looked at together, built in or imported."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    # Aligning resolves every name; it is done once a line, not once a choice of embedding.
    _aligned: dict[str, Problem] = field(default_factory=dict, init=False, repr=False)

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
        if line not in self._aligned:
            sources = list(self.embeddings.values())
            self._aligned[line] = Problem.align(self.screens[line], sources)
        return self._aligned[line].only(*embedding.split("+"))


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
    return [*(n for n in imported if _files(kept / n / "screens", ".h5ad")), SIMULATED]


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
    data = with_added(name, [], [])
    if not data.embeddings:
        raise InputError(f"Data set {name} in {folder(name)} has no embedding yet; import one.")
    return data


def with_added(name: str, screens: Sequence[Screen], embeddings: Sequence[Embedding]) -> Dataset:
    """The data set as `add` would leave it; nothing is written.

    Raises
    ------
    InputError
        The name cannot be used, a kept file cannot be read, or the screens have no perturbation in
        common.
    """
    kept = folder(name)
    by_line = {screen.line: screen for screen in screens}
    sources = {embedding.name: embedding for embedding in embeddings}
    # Files are named by line and source. One that is replaced is not read: it may be damaged.
    for path in _files(kept / "screens", ".h5ad"):
        if path.stem not in by_line:
            by_line[path.stem] = Screen.load(path)
    for path in _files(kept / "embeddings", ".parquet"):
        if path.stem not in sources:
            sources[path.stem] = load_embedding(path)
    if len(by_line) > 1:
        in_order = [by_line[line] for line in sorted(by_line)]
        by_line = {screen.line: screen for screen in common_perturbations(*in_order)}
    # "text" leads where it is there: the source that predicts best by itself is shown first.
    order = sorted(sources, key=lambda source: (source != "text", source))
    return Dataset(name, by_line, {source: sources[source] for source in order})


def add(name: str, screens: Sequence[Screen], embeddings: Sequence[Embedding]) -> Path:
    """Add screens and embeddings to a data set, replacing those of the same line or source.

    Returns
    -------
    The folder they are kept in.

    Raises
    ------
    InputError
        A name cannot be used; nothing is written then.
    """
    kept = folder(name)
    screen_files = [kept / "screens" / f"{_file_name(s.line)}.h5ad" for s in screens]
    embedding_files = [kept / "embeddings" / f"{_file_name(e.name)}.parquet" for e in embeddings]
    for screen, path in zip(screens, screen_files, strict=True):
        screen.save(path)
    for embedding, path in zip(embeddings, embedding_files, strict=True):
        save_embedding(embedding, path)
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


def _files(kept: Path, suffix: str) -> list[Path]:
    """Complete files: a writer that was killed can leave a hidden one."""
    return sorted(path for path in kept.glob(f"*{suffix}") if not path.name.startswith("."))
