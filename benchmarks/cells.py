"""From single cells to a screen: time and memory as files grow, beside the whole file in memory.

python -m benchmarks.cells [--up-to GB] [--write]
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import h5py
import numpy as np

from benchmarks.machine import alone, describe, peak_memory
from benchmarks.page import markdown, publish, to_pages

GENES = 8_563
TARGETS = 400
"""Few, so that the smallest file has enough cells of each and all files take the same sums; the
K562 essential screen of Replogle et al. 2022 has 2,057."""
CONTROLS = 0.035
BATCHES = 48
FILES = (
    *((form, size, TARGETS) for form in ("dense", "sparse") for size in (0.2, 1.0, 4.0)),
    ("dense", 10.7, 2_057),
)
"""Form, GB and targets of each file; the last is as large as that screen."""
PROCESSES = (1, 2)
PEER_UP_TO = 1.0
"""GB; scanpy holds the whole file in memory."""
BLOCK = 4_000
"""Cells drawn at random; the file repeats them in another order each time, under other names."""


def write(path: Path, size: float, form: str, targets: int = TARGETS) -> int:
    """Write a file of single cells of about `size` bytes, dense or sparse; how many they are."""
    rng = np.random.default_rng(0)
    rate = rng.gamma(0.35, 3.0, GENES)
    block = rng.poisson(rate, (BLOCK, GENES)).astype(np.float32)
    filled = int((block > 0).sum())
    cells = int(size / (4 * GENES if form == "dense" else 8 * filled / BLOCK))
    names = np.array(["non-targeting", *(f"GENE{k}" for k in range(targets))])
    chance = np.r_[CONTROLS, np.full(targets, (1 - CONTROLS) / targets)]
    code = rng.choice(len(names), cells, p=chance)
    with h5py.File(path, "w") as file:
        for frame, columns in (
            ("obs", {"gene": names[code], "gem_group": rng.integers(1, BATCHES + 1, cells)}),
            ("var", {"gene_name": np.array([f"M{k}" for k in range(GENES)])}),
        ):
            _write_frame(file.create_group(frame), columns)
        if form == "dense":
            X = file.create_dataset("X", (cells, GENES), np.float32)
            for start in range(0, cells, BLOCK):
                X[start : start + BLOCK] = block[rng.permutation(BLOCK)[: cells - start]]
            return cells
        group = file.create_group("X")
        group.attrs["encoding-type"], group.attrs["encoding-version"] = "csr_matrix", "0.1.0"
        group.attrs["shape"] = np.array([cells, GENES])
        chunks = {"maxshape": (None,), "chunks": (2**18,)}
        data = group.create_dataset("data", (0,), np.float32, **chunks)
        indices = group.create_dataset("indices", (0,), np.int32, **chunks)
        lengths = [np.zeros(1, np.int64)]
        for start in range(0, cells, BLOCK):
            part = block[rng.permutation(BLOCK)[: cells - start]]
            row, column = np.nonzero(part)
            for dataset, values in ((data, part[row, column]), (indices, column)):
                dataset.resize((len(dataset) + len(values),))
                dataset[-len(values) :] = values
            lengths.append(np.bincount(row, minlength=len(part)))
        group["indptr"] = np.cumsum(np.concatenate(lengths)).astype(np.int32)
    return cells


def _write_frame(group: h5py.Group, columns: dict[str, np.ndarray]) -> None:
    rows = len(next(iter(columns.values())))
    text = h5py.string_dtype()
    group.attrs["encoding-type"], group.attrs["encoding-version"] = "dataframe", "0.2.0"
    group.attrs["_index"] = "_index"
    group.attrs["column-order"] = np.array(list(columns), dtype=text)
    for name, values in {"_index": np.array([f"i{k}" for k in range(rows)]), **columns}.items():
        is_text = values.dtype.kind == "U"
        data = values.astype(object) if is_text else values
        column = group.create_dataset(name, data=data, dtype=text if is_text else None)
        column.attrs["encoding-type"] = "string-array" if is_text else "array"
        column.attrs["encoding-version"] = "0.2.0"


def blockwise(path: Path, processes: int, work: Path) -> tuple[float, int, int]:
    """Seconds, peak memory of all processes, and what was said beforehand, of llmpert."""
    from llmpert.parallel import run_serially, workers
    from llmpert.screens.cells import plan, pseudobulk

    start = time.perf_counter()
    found = plan(path)
    if processes == 1:
        pseudobulk(found, run_serially, work=work)
        return time.perf_counter() - start, peak_memory(), found.memory()
    with workers(processes) as run:
        peaks = []

        def measured(work, shared, items):  # type: ignore[no-untyped-def]
            for position, (result, peak) in run(_and_peak, (work, shared), items):
                peaks.append(peak)
                yield position, result

        pseudobulk(found, measured, work=work)
        seconds = time.perf_counter() - start
    # Every worker reaches its own peak, perhaps not at once: an upper bound.
    return seconds, peak_memory() + processes * max(peaks), found.memory(processes)


def _and_peak(shared, item):  # type: ignore[no-untyped-def]
    work, job = shared
    return work(job, item), peak_memory()


def in_memory(path: Path) -> tuple[float, int]:
    """Seconds and peak memory of scanpy on the whole file: the same means and the same test."""
    import warnings

    import anndata
    import scanpy

    warnings.simplefilter("ignore")
    start = time.perf_counter()
    data = anndata.read_h5ad(path)
    scanpy.pp.normalize_total(data, target_sum=1e4)
    scanpy.pp.log1p(data)
    scanpy.get.aggregate(data, by="gene", func=["mean", "var"])
    scanpy.tl.rank_genes_groups(data, "gene", reference="non-targeting", method="t-test")
    return time.perf_counter() - start, peak_memory()


@contextmanager
def generated(folder: Path, size: float, form: str, targets: int) -> Iterator[tuple[Path, int]]:
    """A generated file, removed afterwards."""
    path = folder / f"k562_{form}_{size:g}.h5ad"
    try:
        yield path, write(path, size * 1e9, form, targets)
    finally:
        path.unlink(missing_ok=True)


@click.command()
@click.option("--up-to", type=float, default=11.0, show_default=True, help="GB of a file.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where generated files go.")
@to_pages
def main(up_to: float, folder: Path | None, write: bool) -> None:
    """Print seconds and memory by size of the file."""
    on = f"Measured on: {describe()}."
    header = ["file", "processes", "seconds", "µs a cell", "memory", "estimate", "scanpy"]
    table = [header]
    with tempfile.TemporaryDirectory(dir=folder) as name:
        for form, size, targets in FILES:
            if size > up_to:
                continue
            with generated(Path(name), size, form, targets) as (path, cells):
                file = f"{form}, {path.stat().st_size / 1e9:.1f} GB, {cells:,} cells"
                file += f", {targets:,} targets" * (targets != TARGETS)
                peer = peer_on(path) if size <= PEER_UP_TO else "–"
                for count in PROCESSES if targets == TARGETS else (1,):
                    measured = of_file(path, cells, count, Path(name) / "parts")
                    table.append([file, str(count), *measured, peer if count == 1 else "–"])
    publish("benchmarks.cells", [on, "", *markdown(table)], write)


def of_file(path: Path, cells: int, processes: int, work: Path) -> list[str]:
    """Seconds, microseconds a cell, memory, and its estimate before reading."""
    seconds, peak, estimate = alone(blockwise, path, processes, work)
    each = f"{1e6 * seconds / cells:.0f}"
    return [f"{seconds:.1f}", each, f"{peak / 1e9:.2f} GB", f"{estimate / 1e9:.2f} GB"]


def peer_on(path: Path) -> str:
    """Seconds and memory of scanpy, in words."""
    try:
        seconds, peak = alone(in_memory, path)
    except ImportError:
        return "not installed (requirements-ecosystem.txt)"
    return f"{seconds:.1f} s, {peak / 1e9:.2f} GB"


if __name__ == "__main__":
    main()
