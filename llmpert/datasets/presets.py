"""Published settings as named presets: from downloaded files to a data set, with a record.

What is chosen is in `data/presets.toml`. A preset's screens keep all measured genes and its
embeddings all dimensions: an evaluation chooses the 2,000 genes in each fold from training
responses alone, and the components (`llmpert.evaluation.experiment.Settings`).
"""

import platform
import shutil
import time
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from llmpert import __version__, downloads
from llmpert.datasets.dataset import Dataset, Parts
from llmpert.datasets.report import report
from llmpert.datasets.store import DatasetStore
from llmpert.downloads import BytesProgress, Notify, PublicFile, download_of, format_bytes
from llmpert.embeddings import Embedding, built_in, read_embedding
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Settings
from llmpert.io.hashing import fingerprint
from llmpert.io.paths import home, shipped
from llmpert.parallel import Run, run_serially
from llmpert.runtime import free_memory
from llmpert.screens import Screen, cells, read_screen

REAL_SCREENS = "replogle-2022"
"""The preset that pages offer first: real screens, of the smallest files."""


@dataclass(frozen=True)
class Preset:
    """A published setting, with its citation.

    `ways` are the ways to make it, the default first -> keys of sources: screens and embeddings.
    `built_in` names the embeddings that come with llmpert. `perturbations` is how many all screens
    have in common as published; 0 where that is not known. `memory` (bytes) and `minutes` are what
    a Gaussian process trained on all of it takes; 0 where that is little.
    """

    name: str
    what: str
    citation: str
    ways: Mapping[str, Sequence[str]]
    built_in: Sequence[str] = ()
    perturbations: int = 0
    memory: int = 0
    minutes: int = 0

    @property
    def cost(self) -> str:
        """What a fit takes, as a sentence; "" where that is little."""
        takes = f"{format_bytes(self.memory)} of memory and {self.minutes} minutes on 2 cores"
        return (
            f"A Gaussian process trained on all of it takes up to {takes}." if self.memory else ""
        )

    def dataset(self, way: str) -> str:
        """Return the default name of its data set."""
        return self.name if len(self.ways) == 1 else f"{self.name}-{way}"

    def check_memory(self) -> None:
        """Raise an InputError if this computer has too little free memory for a fit."""
        free = free_memory()
        if free is not None and free < self.memory:
            raise InputError(
                f"Expected {format_bytes(self.memory)} of free memory for {self.name}, found"
                f" {format_bytes(free)}. {self.cost} Close other programs, or take a larger"
                f" computer; {REAL_SCREENS} needs less."
            )

    def files(self, way: str) -> list[PublicFile]:
        """List the files that it is made of in one of its ways."""
        return downloads.read_registry().choose(self.ways[way])


def presets() -> Mapping[str, Preset]:
    """Read all presets by name, from `data/presets.toml`."""
    content = tomllib.loads((shipped() / "presets.toml").read_text("utf-8"))
    return {name: Preset(name, **entry) for name, entry in content.items()}


def choose(name: str, way: str | None = None) -> tuple[Preset, str]:
    """Choose a preset and one of its ways, or its default way; raise an InputError if unknown."""
    known = presets()
    if name not in known:
        raise InputError(f"Expected a recipe among {', '.join(known)}, found {name!r}.")
    ways = known[name].ways
    way = way or next(iter(ways))
    if way not in ways:
        raise InputError(f"Expected a way to make {name} among {', '.join(ways)}, found {way!r}.")
    return known[name], way


def bundles() -> dict[str, tuple[Preset, str]]:
    """List all that can be asked for: NAME-WAY, and NAME for its default way -> preset and way."""
    found: dict[str, tuple[Preset, str]] = {}
    for preset in presets().values():
        for way in preset.ways:
            found.setdefault(preset.name, (preset, way))
            found[f"{preset.name}-{way}"] = (preset, way)
    return found


def prepare(
    preset: Preset,
    way: str,
    name: str,
    folder: Path,
    progress: BytesProgress,
    notify: Notify,
    run: Run = run_serially,
) -> None:
    """Make a data set of files downloaded to a folder, with a record of how (`Dataset.record`).

    It is added whole or not at all; one that was made by the same preset is replaced. Of screens
    made from single cells (by `run`), finished ones survive a break. `progress` gets how many of
    a file's bytes were worked through.

    Raises:
        InputError: A file is not there as it was downloaded, or cannot be used, or there is another
            data set of this name.
    """
    started = time.monotonic()
    files = _files(preset, way, folder)
    if _is_made(preset, way, name, files):
        notify(f"The data set {name} already exists, from the same files.")
        return
    read: list[Screen | Embedding] = []
    for file in files:
        notify(f"{file.path.name}: reading.")
        read.append(_read(file, progress, run))
    read += [built_in(source) for source in preset.built_in]
    parts = Parts(
        [part for part in read if isinstance(part, Screen)],
        [part for part in read if isinstance(part, Embedding)],
    )

    def record(data: Dataset) -> dict[str, Any]:
        said = report(data, parts)
        if preset.perturbations:
            found = len(next(iter(data.screens.values())).perturbations)
            published = f"as published: {preset.perturbations:,}"
            said.append(f"{found:,} perturbations in common; {published}")
        return {
            "recipe": preset.name,
            "way": way,
            "what": preset.what,
            "citation": preset.citation,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - started, 1),
            "versions": {
                "llmpert": __version__,
                "python": platform.python_version(),
                **{name: version(name) for name in ("numpy", "scipy", "anndata", "scikit-learn")},
            },
            "settings": Settings().record(),
            "parts": [
                {
                    "name": part.line if isinstance(part, Screen) else part.name,
                    "file": part.provenance.get("file", ""),
                    "fingerprint": part.fingerprint,
                    "steps": list(part.provenance.get("steps", [])),
                    "download": part.provenance.get("download", {}),
                }
                for part in read
            ],
            "understood": said,
        }

    _check_space(read)
    notify(f"Matching perturbations with embeddings, and writing the data set {name}.")
    DatasetStore().add(name, parts, record)
    for file in files:
        file.finished.unlink(missing_ok=True)


@dataclass(frozen=True)
class _File:
    """A downloaded source, and the note beside it."""

    source: PublicFile
    path: Path
    download: Mapping[str, str]

    @property
    def finished(self) -> Path:
        """Return the path that keeps a screen made of single cells until the data set exists."""
        key = fingerprint(__version__, self.source.key, self.download["md5"])
        return home() / "recipes" / f"{key}.h5ad"


def _files(preset: Preset, way: str, folder: Path) -> list[_File]:
    found = [
        _File(source, folder / source.name, download_of(folder / source.name, source))
        for source in preset.files(way)
    ]
    missing = [file.source.name for file in found if not file.download]
    if missing:
        raise InputError(
            f"{folder}: expected {', '.join(missing)} as downloaded, found another file or none."
            f" Run: python -m llmpert download {preset.name}-{way}"
        )
    return found


def _is_made(preset: Preset, way: str, name: str, files: Sequence[_File]) -> bool:
    """Return whether the data set exists, made of these very files; raise if it is another one."""
    store = DatasetStore()
    record = store.index(name).record or {}
    if not store.exists(name):
        return False
    if record.get("recipe") != preset.name:
        raise InputError(
            f"The data set {name} exists, and is not what the recipe {preset.name} made."
            f" Choose another name, or remove it first: python -m llmpert datasets --remove {name}"
        )
    made_of = [part["download"].get("md5", part["fingerprint"]) for part in record["parts"]]
    own = [built_in(source).fingerprint for source in preset.built_in]
    same = made_of == [*(file.download["md5"] for file in files), *own]
    return same and (record["way"], record["versions"]["llmpert"]) == (way, __version__)


def _check_space(read: Sequence[Screen | Embedding]) -> None:
    """Refuse to begin to write what the disk cannot hold; what was downloaded stays."""
    sizes = (part.response if isinstance(part, Screen) else part.vectors for part in read)
    needed, free = sum(values.nbytes for values in sizes), shutil.disk_usage(home()).free
    if needed > free:
        expected = f"{format_bytes(needed)} of free space for the data set"
        raise InputError.of_file(home(), expected, format_bytes(free))


def _read(file: _File, progress: BytesProgress, run: Run) -> Screen | Embedding:
    path, size, source = file.path, file.path.stat().st_size, file.source

    def worked_through(done: int, total: int) -> None:
        progress(path.name, size * done // total, size)

    if source.kind == "single cells":
        with suppress(InputError):  # it is not there, or not as it was written
            return Screen.load(file.finished)
        screen = cells.pseudobulk(cells.plan(path, source.line), run, worked_through)
        screen.save(file.finished)
        return screen
    worked_through(0, 1)
    embedding = source.embedding
    part = read_embedding(path, embedding) if embedding else read_screen(path, source.line)
    worked_through(1, 1)
    return part
