"""Small files in the formats of those that recipes are made of, and their server."""

import io
import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np

from llmpert.datasets import DatasetStore
from llmpert.downloads import Registry, read_registry
from llmpert.genes import GeneTable
from tests.support.faulty_server import Faulty, md5, zipped
from tests.support.replogle_files import SYMBOLS, Bulk, small_bulk, write_bulk
from tests.support.single_cells import single_cells, written

REPOSITORY = Path(__file__).resolve().parents[2]
TARGETS = [*SYMBOLS, *(f"GENE{i}" for i in range(40))]
ONLY_K562 = "GENE39"
WITHOUT_TEXT = "GENE5"
PICKLE = "GenePT_gene_embedding_ada_text.pickle"
CELLS = 200
KEYS = (
    "k562_essential_raw_bulk", "rpe1_raw_bulk", "k562_essential_raw_singlecell",
    "rpe1_raw_singlecell", "k562_gwps_raw_bulk", "genept_ada", "prott5",
)  # fmt: skip

# What runs a command line with a registry of its own, given as JSON.
CHILD = """
import json, sys
from llmpert import downloads
entries = json.loads(sys.argv[1])
known = downloads.Registry({entry["key"]: downloads.PublicFile(**entry) for entry in entries})
downloads.read_registry = lambda: known
from llmpert.__main__ import main
sys.exit(main(sys.argv[2:]))
"""


def registry(server: Faulty, genes: int = 30) -> Registry:
    """Let a server have the files; the shipped registry's entries for them, with its addresses.

    `genes`: how many are measured.
    """
    contents = _contents(genes)
    base = server.url.removesuffix("/file.bin")
    server.files |= {f"/{file}": content for file, content in contents.items()}
    server.files["/RELEASE.metalink"] = (
        '<metalink><files><file name="per-protein.h5">'
        f"<size>{len(contents['per-protein.h5'])}</size>"
        f'<hash type="md5">{md5(contents["per-protein.h5"])}</hash></file></files></metalink>'
    ).encode()
    known = {}
    for key in KEYS:
        source = read_registry().sources[key]
        content = contents[source.file]
        known[key] = replace(
            source,
            url=f"{base}/{source.file}",
            size=len(content),
            md5=source.md5 and md5(content),
            metalink=source.metalink and f"{base}/RELEASE.metalink",
            unpacked=len(_text()) if source.member else 0,
        )
    return Registry(known)


@cache
def _text() -> bytes:
    text = np.random.default_rng(3).normal(size=(len(TARGETS), 1536))
    vectors = dict(zip(TARGETS, text.tolist(), strict=True))
    del vectors[WITHOUT_TEXT]
    return pickle.dumps(vectors)


@cache
def _contents(genes: int) -> dict[str, bytes]:
    """The files by name."""
    k562, rpe1 = (small_bulk("raw", seed=seed, genes=genes) for seed in (0, 1))
    with TemporaryDirectory() as name:
        folder = Path(name)
        return {
            "K562_essential_raw_bulk_01.h5ad": _bulk(k562, folder),
            "rpe1_raw_bulk_01.h5ad": _bulk(_without(rpe1, ONLY_K562), folder),
            "K562_gwps_raw_bulk_01.h5ad": _bulk(k562, folder),
            "K562_essential_raw_singlecell_01.h5ad": _cells(0, folder),
            "rpe1_raw_singlecell_01.h5ad": _cells(1, folder),
            "GenePT_emebdding_v2.zip": zipped({f"GenePT_emebdding_v2/{PICKLE}": _text(), "a": b""}),
            "per-protein.h5": _proteins(),
        }


def process(known: Registry, home: Path, *arguments: object) -> subprocess.Popen:
    """A process that runs `python -m llmpert` on these sources and this data folder."""
    entries = json.dumps([asdict(source) for source in known.sources.values()])
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, entries, *map(str, arguments)],
        cwd=REPOSITORY,
        env={**os.environ, "LLMPERT_HOME": str(home), "OMP_NUM_THREADS": "1", "no_proxy": "*"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def reach(server: Faulty, known: Registry, home: Path, *arguments: object) -> subprocess.Popen:
    """`process`, once it has asked the server for something or has ended."""
    asked = len(server.requests)
    started = process(known, home, *arguments)
    while started.poll() is None and len(server.requests) == asked:
        time.sleep(0.005)
    return started


def content(name: str) -> dict[str, Any]:
    """All that a data set holds, to be compared: without when it was downloaded and made."""
    data = DatasetStore().load(name)
    found: dict[str, Any] = {}
    for part in (*data.screens.values(), *data.embeddings.values()):
        values = {field.name: getattr(part, field.name) for field in fields(part)}
        found[values.get("line") or values["name"]] = {
            what: value.tobytes() if isinstance(value, np.ndarray) and value.dtype != object
            else _timeless(value) if isinstance(value, Mapping) else str(value)
            for what, value in values.items()
        }  # fmt: skip
    return found | {"record": _timeless(data.record or {})}


def _timeless(value: Any) -> Any:
    if isinstance(value, Mapping):
        late = ("date", "seconds", "understood")
        return {key: _timeless(part) for key, part in value.items() if key not in late}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def _bulk(bulk: Bulk, folder: Path) -> bytes:
    path = write_bulk(folder / "bulk.h5ad", bulk)
    found = path.read_bytes()
    path.unlink()
    return found


def _cells(seed: int, folder: Path) -> bytes:
    path = written(folder / "cells.h5ad", single_cells(CELLS, seed=seed))
    found = path.read_bytes()
    path.unlink()
    return found


def _without(bulk: Bulk, target: str) -> Bulk:
    keep = np.array([f"_{target}_" not in name for name in bulk.names])
    names = [name for name, kept in zip(bulk.names, keep, strict=True) if kept]
    cut = {what: getattr(bulk, what)[keep] for what in ("values", "core", "filtered", "unfiltered")}
    return replace(bulk, names=names, **cut)


def _proteins() -> bytes:
    """Vectors of the targets that are real genes, under their first accession."""
    table, random = GeneTable.shipped(), np.random.default_rng(4)
    genes = [table.resolve(symbol).gene for symbol in SYMBOLS]
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for gene in genes:
            if gene is not None and gene.uniprot:
                file[gene.uniprot[0]] = random.normal(size=1024).astype(np.float16)
    return buffer.getvalue()
