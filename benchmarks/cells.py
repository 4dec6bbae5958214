"""From single cells to a screen: time and memory as files grow, beside the whole file in memory."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import h5py
import numpy as np

from benchmarks.machine import alone, describe, peak_memory

GENES = 8_563
TARGETS = 400
"""Few, so that the smallest file has enough cells of each and all files take the same sums; the
K562 essential screen of Replogle et al. 2022 has 2,057 (--targets)."""
CONTROLS = 0.035
BATCHES = 48
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


def read_only(path: Path) -> float:
    """Seconds to read the file's bytes, from wherever the system has them."""
    start = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(2**24):
            pass
    return time.perf_counter() - start


@contextmanager
def generated(folder: Path, size: float, form: str, targets: int) -> Iterator[tuple[Path, int]]:
    """A generated file, removed afterwards."""
    path = folder / f"k562_{form}_{size:g}.h5ad"
    try:
        yield path, write(path, size * 1e9, form, targets)
    finally:
        path.unlink(missing_ok=True)


@click.command()
@click.option("--size", "sizes", type=float, multiple=True, default=(0.2, 1, 4), help="GB.")
@click.option("--processes", type=int, multiple=True, default=(1, 2))
@click.option("--form", "forms", multiple=True, default=("dense", "sparse"))
@click.option("--targets", type=int, default=TARGETS, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where generated files go.")
@click.option("--scanpy-up-to", type=float, default=1.0, help="GB; larger files do not fit.")
def main(
    sizes: tuple[float, ...],
    processes: tuple[int, ...],
    forms: tuple[str, ...],
    targets: int,
    folder: Path | None,
    scanpy_up_to: float,
) -> None:
    """Print seconds and memory by size of the file."""
    click.echo(describe())
    with tempfile.TemporaryDirectory(dir=folder) as name:
        for form in forms:
            for size in sizes:
                with generated(Path(name), size, form, targets) as (path, cells):
                    _one(path, cells, form, processes, size <= scanpy_up_to, Path(name))


def _one(
    path: Path, cells: int, form: str, processes: tuple[int, ...], peer: bool, work: Path
) -> None:
    head = f"{form}, {path.stat().st_size / 1e9:.2f} GB, {cells:,} cells x {GENES:,} genes:"
    click.echo(f"{head} bytes read in {read_only(path):.1f} s")
    for count in processes:
        seconds, peak, said = alone(blockwise, path, count, work / "parts")
        click.echo(
            f"  {count} process(es): {seconds:.1f} s, {1e6 * seconds / cells:.0f} µs a cell,"
            f" {peak / 1e9:.2f} GB (said before: {said / 1e9:.2f} GB)"
        )
    if peer:
        try:
            seconds, peak = alone(in_memory, path)
        except ImportError:
            click.echo("  scanpy is not installed (requirements-gears.txt)")
            return
        click.echo(f"  scanpy, whole file in memory: {seconds:.1f} s, {peak / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
