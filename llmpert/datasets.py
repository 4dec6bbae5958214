"""Data sets: screens, embeddings and what else belongs to them, built in or imported."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llmpert.embeddings import Embedding, load_embedding, save_embedding
from llmpert.errors import InputError
from llmpert.evaluation.published import Published
from llmpert.files import some
from llmpert.gene_sets import GeneSets, joined
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
    gene_sets:
        Groups of genes to sum results up by, or None where there are none.
    published:
        Cell line -> results of methods that were run elsewhere, on perturbations as their source
        spells them; lines without any are not there.
    """

    name: str
    screens: Mapping[str, Screen]
    embeddings: Mapping[str, Embedding]
    gene_sets: GeneSets | None = None
    published: Mapping[str, Published] = field(default_factory=dict)
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
    """The built-in simulated pair of screens with its embeddings; gene sets are its modules."""
    simulation = simulate()
    modules = GeneSets.of_genes("modules", "simulated", simulation.modules)
    return Dataset(SIMULATED, simulation.screens, simulation.embeddings, modules)


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


def with_added(
    name: str,
    screens: Sequence[Screen],
    embeddings: Sequence[Embedding],
    gene_sets: Sequence[GeneSets] = (),
    published: Sequence[Published] = (),
) -> Dataset:
    """The data set as `add` would leave it; nothing is written.

    Raises
    ------
    InputError
        The name cannot be used, a kept file cannot be read, the screens have no perturbation in
        common, two collections have a gene set of the same name, or added published results are of
        no screen's line or share no perturbation with it.
    """
    kept = folder(name)
    collections = {collection.name: collection for collection in gene_sets}
    by_line = {screen.line: screen for screen in screens}
    sources = {embedding.name: embedding for embedding in embeddings}
    others = {results.line: results for results in published}
    # Files are named by line and source. One that is replaced is not read: it may be damaged.
    for path in _files(kept / "screens", ".h5ad"):
        if path.stem not in by_line:
            by_line[path.stem] = Screen.load(path)
    for path in _files(kept / "embeddings", ".parquet"):
        if path.stem not in sources:
            sources[path.stem] = load_embedding(path)
    for path in _files(kept / "gene_sets", ".gmt"):
        if path.stem not in collections:
            collections[path.stem] = GeneSets.read(path)
    for path in _files(kept / "published", ".parquet"):
        if path.stem not in others:
            others[path.stem] = Published.load(path)
    if len(by_line) > 1:
        in_order = [by_line[line] for line in sorted(by_line)]
        by_line = {screen.line: screen for screen in common_perturbations(*in_order)}
    for results in published:
        _check_shared(results, by_line)
    # "text" leads where it is there: the source that predicts best by itself is shown first.
    order = sorted(sources, key=lambda source: (source != "text", source))
    return Dataset(
        name,
        by_line,
        {source: sources[source] for source in order},
        joined([collections[c] for c in sorted(collections)]) if collections else None,
        others,
    )


def _check_shared(results: Published, screens: Mapping[str, Screen]) -> None:
    """Published results are about some perturbations of one of the screens, or it is told."""
    screen = screens.get(results.line)
    if screen is None:
        expected = f"results of a cell line with a screen ({', '.join(screens) or 'there is none'})"
        raise InputError.of_file(results.source, expected, results.line)
    if not results.within(screen.perturbations).perturbations:
        raise InputError.of_file(
            results.source,
            f"results of some perturbations of {screen.line} ({some(screen.perturbations)})",
            f"only others ({some(results.perturbations)})",
        )


def add(
    name: str,
    screens: Sequence[Screen],
    embeddings: Sequence[Embedding],
    gene_sets: Sequence[GeneSets] = (),
    published: Sequence[Published] = (),
) -> Path:
    """Add to a data set, replacing what is of the same line, source or collection's name.

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
    set_files = [kept / "gene_sets" / f"{_file_name(c.name)}.gmt" for c in gene_sets]
    published_files = [kept / "published" / f"{_file_name(p.line)}.parquet" for p in published]
    for screen, path in zip(screens, screen_files, strict=True):
        screen.save(path)
    for embedding, path in zip(embeddings, embedding_files, strict=True):
        save_embedding(embedding, path)
    for collection, path in zip(gene_sets, set_files, strict=True):
        collection.save(path)
    for results, path in zip(published, published_files, strict=True):
        results.save(path)
    return kept


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", name) or "+" in name:
        raise InputError(
            "Expected a name of a cell line, an embedding or gene sets made of letters, digits,"
            f" blank, . - and _, found {name!r}."
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
