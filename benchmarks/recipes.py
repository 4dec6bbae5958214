"""What recipes take: each prepared from a server on this computer, then a Gaussian process fitted.

    python -m benchmarks.recipes [--write] [RECIPE]...

The server has files of the published schema with the published numbers of rows, genes and vectors;
the numbers in them are random. The table has the bytes fetched, the seconds and the peak memory of
`python -m llmpert prepare RECIPE`, of loading its data set, and of a fit to all its perturbations
with the prediction of a gene, each in a process of its own. The server is as fast as the machine:
over a line, add the time that it needs. It takes 16 GB of memory and, for all, half an hour.
"""

import io
import os
import pickle
import subprocess
import time
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import h5py
import numpy as np

from benchmarks.machine import alone, describe, peak_memory
from benchmarks.page import RECIPES as PAGE
from benchmarks.page import markdown, publish, to_pages
from llmpert.datasets import presets
from llmpert.downloads import PublicFile, Registry, format_bytes
from llmpert.embeddings import built_in
from llmpert.genes import GeneTable
from tests.support import paper_files
from tests.support.faulty_server import Faulty, md5
from tests.support.replogle_files import CONTROL, Bulk, hash_of, write_bulk

RECIPES = ("replogle-2022", "paper-2024", "replogle-genome-wide")
COMMON = 1_774
"""Targets that K562 and RPE1 share."""
BULK = {
    "k562_essential_raw_bulk": (2_285, 8_563, 2_057, 0),
    "rpe1_raw_bulk": (2_679, 8_749, 2_393, 2_057 - COMMON),
    "k562_gwps_raw_bulk": (11_258, 8_248, 9_866, 0),
}
"""Source -> rows, measured genes, targets, and the first of these among all genes."""
CONTROLS = 100
"""Rows of each file that are controls; what is left are second populations of a target."""
TEXT = (33_333, 1_536)
"""GenePT's genes and numbers a gene, by the size of its file."""


@click.command()
@click.argument("recipes", nargs=-1)
@to_pages
def main(recipes: Sequence[str], write: bool) -> None:
    """Prepare recipes, and fit; only a run of all of them writes the table."""
    on = f"Measured on: {describe()}."
    table = [["recipe", "to download", "prepare", "data set loaded", "fit"]]
    for name in recipes or RECIPES:
        preset, way = presets.choose(name)
        with TemporaryDirectory() as folder, Faulty() as server:
            home = Path(folder) / "home"
            known = Registry(
                {file.key: _served(file, server, Path(folder)) for file in preset.files(way)}
            )
            words = ("prepare", name, "--way", way, "--yes")
            start = time.perf_counter()
            peak = _peak(paper_files.process(known, home, *words))
            seconds = time.perf_counter() - start
            os.environ["LLMPERT_HOME"] = str(home)
            loaded, sizes = alone(load, preset.dataset(way))
            table.append(
                [
                    f"`{name}`: {sizes}",
                    format_bytes(server.sent),
                    f"{seconds:.0f} s, {format_bytes(peak)}",
                    loaded,
                    alone(fit, preset.dataset(way)),
                ]
            )
    publish("benchmarks.recipes", [on, "", *markdown(table)], write and not recipes, PAGE)


def load(name: str) -> tuple[str, str]:
    """Load a data set; what that takes, and its lines with their knockdowns."""
    from llmpert.datasets import DatasetStore

    start = time.perf_counter()
    data = DatasetStore().load(name)
    sizes = {line: len(data.problem(line).screen.perturbations) for line in data.screens}
    seconds = time.perf_counter() - start
    lines = ", ".join(f"{line} {size:,}" for line, size in sizes.items())
    return f"{seconds:.1f} s, {format_bytes(peak_memory())}", f"{lines} knockdowns"


def fit(name: str) -> str:
    """Fit a Gaussian process to all perturbations of the first line, predict; what that takes."""
    from llmpert.datasets import DatasetStore
    from llmpert.evaluation.experiment import Experiment

    data = DatasetStore().load(name)
    experiment = Experiment(data.problem(next(iter(data.screens))))
    start = time.perf_counter()
    fitted = experiment.fit_all("gp")
    fitted.predict(list(experiment.problem.screen.perturbations[:1]))
    return f"{time.perf_counter() - start:.0f} s, {format_bytes(peak_memory())}"


def _peak(process: subprocess.Popen[str]) -> int:
    """Wait for a process; its peak memory, as of a moment before its end."""
    peak = 0
    while process.poll() is None:
        try:
            peak = max(peak, peak_memory(process.pid))
        except (ValueError, OSError):  # it has just ended
            break
        time.sleep(0.05)
    _, said = process.communicate()
    if process.returncode:
        raise SystemExit(said)
    return peak


def _served(source: PublicFile, server: Faulty, folder: Path) -> PublicFile:
    """Let the server have a file in place of the published one; its entry in the registry."""
    unpacked = 0
    if source.key in BULK:
        content = _bulk(source.key, folder / "bulk.h5ad")
    elif source.member:
        content, unpacked = _text(source)
    else:
        content = _proteins()
    server.files[f"/{source.file}"] = content
    url = server.url.replace("file.bin", source.file)
    return replace(
        source, url=url, size=len(content), md5=md5(content), metalink="", unpacked=unpacked
    )


def _genes() -> list[str]:
    """Genes that both built-in embeddings have; thus targets have vectors."""
    return sorted(set(built_in("GO").genes) & set(built_in("description").genes))


def _bulk(key: str, path: Path) -> bytes:
    rows, genes, count, first = BULK[key]
    random = np.random.default_rng(first)
    # Shuffled, so that any number of first ones is a sample of all.
    targets = list(np.random.default_rng(0).permutation(_genes())[first : first + count])
    symbols = [*targets, *targets[: rows - count - CONTROLS]]
    names = [f"{i}_{symbol}_P1P2_ENSG{hash_of(symbol):011d}" for i, symbol in enumerate(symbols)]
    names += [f"{len(names) + i}_{CONTROL}" for i in range(CONTROLS)]
    control = np.arange(rows) >= rows - CONTROLS
    means = random.gamma(1.0, 2.0, genes) + 0.01
    values = random.standard_normal((rows, genes), dtype=np.float32)
    np.exp(np.float32(0.3) * values, out=values)
    values *= means.astype(np.float32)
    cells = random.integers(40, 400, rows).astype(np.float64)
    names_of_genes = [f"M{i}" for i in range(genes)]
    ids = [f"ENSG{i:011d}" for i in range(genes)]
    write_bulk(path, Bulk(values, names, control, cells, cells, ids, names_of_genes, means))
    content = path.read_bytes()
    path.unlink()
    return content


def _text(source: PublicFile) -> tuple[bytes, int]:
    """An archive of the published length with the member, and how long that is unpacked."""
    count, dimensions = TEXT
    genes = [*_genes(), *(f"OTHER{i}" for i in range(count))][:count]
    random = np.random.default_rng(0)
    member = pickle.dumps({gene: random.normal(size=dimensions).tolist() for gene in genes})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr(f"GenePT_emebdding_v2/{source.member}", member)
        rest = max(0, source.size - buffer.tell())
        file.writestr("GenePT_emebdding_v2/others", random.bytes(rest))
    return buffer.getvalue(), len(member)


def _proteins() -> bytes:
    """A vector for the first accession of every gene that has one."""
    random, buffer = np.random.default_rng(1), io.BytesIO()
    resolved = (GeneTable.shipped().resolve(gene).gene for gene in _genes())
    accessions = dict.fromkeys(gene.uniprot[0] for gene in resolved if gene and gene.uniprot)
    with h5py.File(buffer, "w") as file:
        for accession in accessions:
            file[accession] = random.normal(size=1024).astype(np.float16)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
