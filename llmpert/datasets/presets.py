"""Published settings as named recipes: from downloaded files to a data set, with a record.

What is chosen is in `data/presets.toml`. A recipe's screens keep all measured genes and its
embeddings all dimensions: an evaluation chooses the 2,000 genes in each fold from training
responses alone, and the components (`llmpert.evaluation.experiment.Settings`).
"""

import platform
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmpert import __version__, downloads
from llmpert.downloads import BytesProgress, Notify, PublicFile, download_of
from llmpert.errors import InputError
from llmpert.io.hashing import fingerprint
from llmpert.io.paths import home, shipped
from llmpert.parallel import Run, run_serially

if TYPE_CHECKING:
    from llmpert.embeddings import Embedding
    from llmpert.screens import Screen

LIBRARIES = ("numpy", "scipy", "anndata", "scikit-learn")
"""Whose versions are recorded."""


@dataclass(frozen=True)
class Recipe:
    """A published setting.

    Attributes
    ----------
    name:
        What it is asked for by.
    what:
        What it is, for biologists.
    citation:
        Who published the setting.
    ways:
        Ways to make it, the default first -> keys of sources: screens and embeddings.
    perturbations:
        How many all screens have in common as published; 0 where that is not known.
    """

    name: str
    what: str
    citation: str
    ways: Mapping[str, tuple[str, ...]]
    perturbations: int = 0


def recipes() -> Mapping[str, Recipe]:
    """All recipes by name, from `data/presets.toml`."""
    content = tomllib.loads((shipped() / "presets.toml").read_text("utf-8"))
    return {
        name: Recipe(
            name,
            entry["what"],
            entry["citation"],
            {way: tuple(keys) for way, keys in entry["ways"].items()},
            entry.get("perturbations", 0),
        )
        for name, entry in content.items()
    }


def choose(name: str, way: str | None = None) -> tuple[Recipe, str]:
    """A recipe and one of its ways by name, or its default way.

    Raises
    ------
    InputError
        There is none of this name.
    """
    known = recipes()
    if name not in known:
        raise InputError(f"Expected a recipe among {', '.join(known)}, found {name!r}.")
    recipe = known[name]
    way = way or next(iter(recipe.ways))
    if way not in recipe.ways:
        ways = ", ".join(recipe.ways)
        raise InputError(f"Expected a way to make {name} among {ways}, found {way!r}.")
    return recipe, way


def bundles() -> dict[str, tuple[Recipe, str]]:
    """All that can be asked for: NAME-WAY, and NAME for its default way -> recipe and way."""
    found: dict[str, tuple[Recipe, str]] = {}
    for recipe in recipes().values():
        for way in recipe.ways:
            found.setdefault(recipe.name, (recipe, way))
            found[f"{recipe.name}-{way}"] = (recipe, way)
    return found


def needed(recipe: Recipe, way: str) -> list[PublicFile]:
    """The files that a recipe is made of."""
    return downloads.read_registry().choose(recipe.ways[way])


def prepare(
    recipe: Recipe,
    way: str,
    name: str,
    folder: Path,
    progress: BytesProgress,
    notify: Notify,
    run: Run = run_serially,
) -> Path:
    """Make a data set of downloaded files, with a record of how (`Dataset.record`).

    It is added whole or not at all; one that was made by the same recipe is replaced. Of screens
    made from single cells, finished ones survive a break.

    Parameters
    ----------
    way:
        One of `recipe.ways`.
    name:
        Of the data set.
    folder:
        Where the files are (`llmpert.downloads.download`).
    progress:
        Called with a file's name, the bytes of it that were worked through, and the whole.
    notify:
        Called with sentences about what is done.
    run:
        Where single cells are worked on.

    Returns
    -------
    The data set's folder.

    Raises
    ------
    InputError
        A file is not there as it was downloaded, or cannot be used, or there is another data set of
        this name.
    """
    # With all that reads and evaluates, which lists of recipes need not wait for.
    from llmpert import datasets
    from llmpert.datasets import report as understood

    started = time.monotonic()
    files = _files(recipe, way, folder)
    if _is_made(recipe, way, name, files):
        notify(f"The data set {name} is there already, made of the same files.")
        return datasets.folder(name)
    screens, embeddings = [], []
    for file in files:
        notify(f"{file.path.name}: reading it.")
        if file.source.embedding:
            embeddings.append(_embedding(file, progress))
        else:
            screens.append(_screen(file, progress, run))
    notify(f"Matching perturbations with embeddings, and writing the data set {name}.")
    data = datasets.with_added(name, screens, embeddings)
    report = understood.sentences(data, screens, embeddings)
    if recipe.perturbations:
        found = len(next(iter(data.screens.values())).perturbations)
        report.append(f"{found:,} perturbations in common; as published: {recipe.perturbations:,}")
    parts: dict[str, Screen | Embedding] = {screen.line: screen for screen in screens}
    parts |= {embedding.name: embedding for embedding in embeddings}
    record = _record(recipe, way, parts, report, time.monotonic() - started)
    kept = datasets.add(name, screens, embeddings, record=record)
    for file in files:
        file.finished.unlink(missing_ok=True)
    return kept


@dataclass(frozen=True)
class _File:
    """A source in the folder of downloads, and what the note beside it says."""

    source: PublicFile
    path: Path
    download: Mapping[str, str]

    @property
    def finished(self) -> Path:
        """Where a screen made of its single cells is kept until the data set is there."""
        key = fingerprint(__version__, self.source.key, self.download["md5"])
        return home() / "recipes" / f"{key}.h5ad"


def _files(recipe: Recipe, way: str, folder: Path) -> list[_File]:
    found = [
        _File(source, folder / source.name, download_of(folder / source.name, source))
        for source in needed(recipe, way)
    ]
    missing = [file.source.name for file in found if not file.download]
    if missing:
        raise InputError(
            f"{folder}: expected {', '.join(missing)} as downloaded, found another file or none."
            f" Run: python -m llmpert download {recipe.name}-{way}"
        )
    return found


def _is_made(recipe: Recipe, way: str, name: str, files: Sequence[_File]) -> bool:
    """Whether the data set is there, made of these very files; raises if it is another one."""
    from llmpert import datasets

    if name not in datasets.names():
        datasets.folder(name)  # a name that cannot be used is told before files are read
        return False
    record = datasets.record(name) or {}
    if record.get("recipe") != recipe.name:
        raise InputError(
            f"The data set {name} is there already and is not one of the recipe {recipe.name} as it"
            " was made. Choose another name, or remove it first: python -m llmpert datasets"
            f" --remove {name}"
        )
    made_of = [part["download"]["md5"] for part in record["parts"]]
    same = made_of == [file.download["md5"] for file in files]
    return same and (record["way"], record["versions"]["llmpert"]) == (way, __version__)


def _embedding(file: _File, progress: BytesProgress) -> "Embedding":
    from llmpert.embeddings import read_embedding

    with _whole(file.path, progress):
        return read_embedding(file.path, file.source.embedding)


def _screen(file: _File, progress: BytesProgress, run: Run) -> "Screen":
    from llmpert.screens import Screen, read_screen

    line, path = file.source.line, file.path
    if file.source.kind != "single cells":
        with _whole(path, progress):
            return read_screen(path, line=line)
    from llmpert.screens import cells

    with suppress(InputError):  # it is not there, or not as it was written
        return Screen.load(file.finished)
    size = path.stat().st_size

    def bytes_worked_through(done: int, total: int) -> None:
        progress(path.name, size * done // total, size)

    screen = cells.pseudobulk(cells.plan(path, line), run, bytes_worked_through)
    screen.save(file.finished)
    return screen


@contextmanager
def _whole(path: Path, progress: BytesProgress) -> Iterator[None]:
    """The progress of what is read in one go."""
    size = path.stat().st_size
    progress(path.name, 0, size)
    yield
    progress(path.name, size, size)


def _record(
    recipe: Recipe,
    way: str,
    parts: "Mapping[str, Screen | Embedding]",
    report: list[str],
    seconds: float,
) -> dict[str, Any]:
    """How a data set came about, as JSON values."""
    from llmpert.evaluation.experiment import Settings

    return {
        "recipe": recipe.name,
        "way": way,
        "what": recipe.what,
        "citation": recipe.citation,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "versions": {
            "llmpert": __version__,
            "python": platform.python_version(),
            **{library: version(library) for library in LIBRARIES},
        },
        "settings": asdict(Settings()),
        "parts": [
            {
                "name": name,
                "file": part.provenance.get("file", ""),
                "fingerprint": part.fingerprint,
                "steps": list(part.provenance.get("steps", [])),
                "download": part.provenance.get("download", {}),
            }
            for name, part in parts.items()
        ],
        "understood": report,
    }
