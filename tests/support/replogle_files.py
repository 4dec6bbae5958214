"""Small files laid out as the bulk files of Replogle et al. 2022 are, for tests to read or serve.

The layout is that of the AnnData of 2022 with which the published files were written: columns of
names are integer codes beside a group `__categories`, and arrays carry no encoding marks.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

SYMBOLS = ("ZBTB4", "HLA-A", "RP11-34P13.7", "NKX2-1", "AARS", "LOC_1", "POLR2A", "SNRPD1")
CONTROL = "non-targeting_non-targeting_non-targeting"


@dataclass
class Bulk:
    """What a bulk file holds; change any part before writing it."""

    values: np.ndarray
    names: list[str]
    core: np.ndarray
    filtered: np.ndarray
    unfiltered: np.ndarray
    gene_ids: list[str]
    gene_names: list[str]
    means: np.ndarray

    def row(self, name: str) -> int:
        """The row whose name contains `name`."""
        (found,) = [i for i, full in enumerate(self.names) if name in full]
        return found


def small_bulk(kind: str, seed: int = 0, genes: int = 30, controls: int = 12) -> Bulk:
    """A file of 48 targets, ZBTB4 with three populations and AARS with two, and controls.

    A quarter of the controls are outside the core set and have no filtered cell count, as in the
    published files.
    """
    random = np.random.default_rng(seed)
    targets = [(symbol, "P1P2") for symbol in SYMBOLS]
    targets += [("ZBTB4", "P1"), ("ZBTB4", "P2"), ("AARS", "ENST00000261772.8,ENST00000565361")]
    targets += [(f"GENE{i}", "P1P2") for i in range(40)]
    names = [
        f"{i + 5}_{symbol}_{site}_ENSG{hash_of(symbol):011d}"
        for i, (symbol, site) in enumerate(targets)
    ]
    names += [f"{10740 + i}_{CONTROL}" for i in range(controls)]
    order = random.permutation(len(names))
    names = [names[i] for i in order]
    control = np.array([name.endswith("non-targeting") for name in names])
    core = control.copy()
    core[np.flatnonzero(control)[: controls // 4]] = False
    unfiltered = random.integers(40, 400, len(names)).astype(np.float64)
    filtered = np.where(control & ~core, np.nan, np.floor(unfiltered * 0.9))
    means = random.gamma(1.0, 2.0, genes) + 0.01
    effects = np.exp(random.normal(0, 0.3, (len(names), genes)))
    depth = random.uniform(0.7, 1.4, (len(names), 1))
    if kind == "raw":
        values = means * effects * depth
    else:
        values = random.normal(0, 0.4, (len(names), genes)) + 0.05
    gene_names = [f"M{i}" for i in range(genes - 3)] + ["TBCE", "TBCE", "HLA-B"]
    return Bulk(
        values=values.astype(np.float32),
        names=names,
        core=core,
        filtered=filtered,
        unfiltered=unfiltered,
        gene_ids=[f"ENSG{i:011d}" for i in range(genes)],
        gene_names=gene_names,
        means=means,
    )


def hash_of(symbol: str) -> int:
    """A number for a symbol that is the same in every run, unlike Python's own hash."""
    return int.from_bytes(symbol.encode(), "big") % 10**11


def write_bulk(path: Path, bulk: Bulk) -> Path:
    """Write `bulk` in the layout of the published files."""
    text = h5py.string_dtype()

    def frame(file: h5py.File, name: str, index: str, columns: list[str]) -> h5py.Group:
        group = file.create_group(name)
        group.attrs["encoding-type"] = "dataframe"
        group.attrs["encoding-version"] = "0.1.0"
        group.attrs["_index"] = index
        group.attrs["column-order"] = np.array(columns, dtype=text)
        return group

    with h5py.File(path, "w") as file:
        file.create_dataset("X", data=bulk.values)
        obs = frame(
            file,
            "obs",
            "gene_transcript",
            ["UMI_count_unfiltered", "num_cells_unfiltered", "num_cells_filtered", "core_control"],
        )
        obs.create_dataset("gene_transcript", data=bulk.names, dtype=text)
        obs.create_dataset("UMI_count_unfiltered", data=bulk.values.sum(axis=1))
        obs.create_dataset("num_cells_unfiltered", data=bulk.unfiltered)
        obs.create_dataset("num_cells_filtered", data=bulk.filtered)
        obs.create_dataset("core_control", data=bulk.core)
        var = frame(file, "var", "gene_id", ["gene_name", "mean", "std", "cv"])
        var.create_dataset("gene_id", data=bulk.gene_ids, dtype=text)
        symbols, codes = np.unique(bulk.gene_names, return_inverse=True)
        categories = var.create_group("__categories").create_dataset(
            "gene_name", data=symbols.tolist(), dtype=text
        )
        categories.attrs["ordered"] = False
        var.create_dataset("gene_name", data=codes.astype(np.int16))
        var["gene_name"].attrs["categories"] = categories.ref
        var.create_dataset("mean", data=bulk.means)
        var.create_dataset("std", data=np.sqrt(bulk.means))
        var.create_dataset("cv", data=1 / np.sqrt(bulk.means))
    return path
