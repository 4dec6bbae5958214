"""Small files of every format that is read, none of which is refused."""

import gzip
import json
import pickle
import struct
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.embeddings import save_embedding
from llmpert.methods.predictions import ExternalPredictions
from tests.support import small
from tests.support.faulty_server import zipped
from tests.support.replogle_files import small_bulk, write_bulk

MEMBER = "vectors.pickle"
METALINK = (
    '<?xml version="1.0"?><metalink xmlns="urn:ietf:params:xml:ns:metalink">'
    '<file name="per-protein.h5"><size>123</size>'
    '<hash type="md5">0123456789abcdef0123456789abcdef</hash></file></metalink>'
)


def write_valid(folder: Path) -> dict[str, list[Path]]:
    """Write them; by kind, so that each is read by the reader for that kind."""
    folder.mkdir(parents=True)
    return {
        "screen": _screens(folder),
        "embedding": _embeddings(folder),
        "sets": [_text(folder / "sets.gmt", "C\tx\tKD001\tKD002\nD\t\tKD003\tOUT001\n")],
        "published": _published(folder),
        "predictions": [_predictions(folder / "predictions.h5ad")],
        "archive": [_bytes(folder / "archive.zip", zipped({f"in/{MEMBER}.": b"x" * 999}))],
        "metalink": [_text(folder / "RELEASE.metalink", METALINK)],
        "cells": [_cells(folder / "cells.h5ad")],
    }


def _text(path: Path, text: str) -> Path:
    return _bytes(path, text.encode())


def _bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _screens(folder: Path) -> list[Path]:
    controls = {"control_mean": np.ones(12), "control_sd": np.ones(12)}
    screen = small.screen(perturbations=20, genes=12, cells=np.arange(20) + 5.0, **controls)
    screen.save(folder / "saved.h5ad")
    frame = pd.DataFrame(screen.response, screen.perturbations, screen.genes)
    for form in (np.asarray, sparse.csr_matrix, sparse.csc_matrix):
        data = anndata.AnnData(form(screen.response), uns={"cell_line": "LineA", "source": "a lab"})
        data.obs_names, data.var_names = screen.perturbations, screen.genes
        data.obs["guide"] = pd.Categorical(["a", "b"] * 10)
        data.write_h5ad(folder / f"{form.__name__}.h5ad", compression="gzip")
    write_bulk(folder / "K562_raw.h5ad", small_bulk("raw"))
    _counts(folder)
    frame.to_csv(folder / "LineA.csv")
    frame.to_csv(folder / "LineA.tsv.gz", sep="\t")
    frame.to_parquet(folder / "LineA.parquet")
    names = (
        "saved.h5ad", "asarray.h5ad", "csr_matrix.h5ad", "csc_matrix.h5ad", "K562_raw.h5ad",
        "LineA_cells.h5ad", "LineA_cells.h5mu", "LineA.csv", "LineA.tsv.gz", "LineA.parquet",
    )  # fmt: skip
    return [folder / name for name in names]


def _embeddings(folder: Path) -> list[Path]:
    embedding = small.embedding(dimensions=5)
    frame = pd.DataFrame(embedding.vectors, embedding.genes, list("abcde"))
    lists = {
        gene: vector.tolist() for gene, vector in zip(frame.index, embedding.vectors, strict=True)
    }
    arrays = dict(zip(frame.index, embedding.vectors, strict=True))
    save_embedding(embedding, folder / "stored.parquet")
    _bytes(folder / "lists.pickle", pickle.dumps(lists))
    _bytes(folder / "arrays.pickle", pickle.dumps(arrays))
    with h5py.File(folder / "proteins.h5", "w") as file:
        for row, accession in enumerate(("P04637", "P38398", "Q00987", "P01106")):
            file[accession] = embedding.vectors[row].astype(np.float16)
    frame.to_parquet(folder / "table.parquet")
    frame.to_csv(folder / "table.csv", index_label="gene")
    _bytes(folder / "table.tsv.gz", gzip.compress(frame.to_csv(sep="\t").encode()))
    np.savez_compressed(
        folder / "table.npz", genes=embedding.genes.astype(str), vectors=embedding.vectors
    )
    np.save(folder / "array.npy", embedding.vectors)
    _text(folder / "array.txt", "\n".join(embedding.genes))
    annotated = anndata.AnnData(embedding.vectors, pd.DataFrame(index=embedding.genes))
    annotated.write_h5ad(folder / "annotated.h5ad")
    tensors = {"w": {"dtype": "F32", "shape": list(frame.shape)}}
    tensors["w"]["data_offsets"] = [0, embedding.vectors.nbytes]
    head = json.dumps({"__metadata__": {"genes": "\n".join(embedding.genes)}, **tensors}).encode()
    packed = struct.pack("<Q", len(head)) + head + embedding.vectors.tobytes()
    _bytes(folder / "tensors.safetensors", packed)
    lists_of = {"gene": list(embedding.genes), "vector": embedding.vectors.tolist()}
    pd.DataFrame(lists_of).to_parquet(folder / "lists.parquet")
    _bytes(folder / "old.pickle.gz", gzip.compress(pickle.dumps(arrays, protocol=2)))
    names = (
        "array.npy", "annotated.h5ad", "tensors.safetensors", "lists.parquet", "old.pickle.gz",
        "stored.parquet", "lists.pickle", "arrays.pickle", "proteins.h5", "table.parquet",
        "table.csv", "table.tsv.gz", "table.npz",
    )  # fmt: skip
    return [folder / name for name in names]


def _published(folder: Path) -> list[Path]:
    frame = pd.DataFrame(
        {
            "perturbation": ["KD001", "KD002"] * 2,
            "method": ["GEARS"] * 2 + ["Scouter"] * 2,
            "metric": "pearson_top20",
            "value": [0.1, 0.2, 0.3, 0.4],
        }
    )
    frame.to_csv(folder / "published.csv", index=False)
    frame.to_csv(folder / "published.csv.gz", index=False)
    frame.to_parquet(folder / "published.parquet")
    return [folder / f"published.{end}" for end in ("csv", "csv.gz", "parquet")]


def _predictions(path: Path) -> Path:
    """On all perturbations and genes of `small.screen()`, in two folds."""
    screen = small.screen()
    fold = np.array(["one", "two"] * 20)
    ExternalPredictions(
        method="GEARS", line="LineA", unit=screen.unit,
        perturbations=screen.perturbations, genes=screen.genes, delta=screen.response, fold=fold,
        trained_on={"one": screen.perturbations[1::2], "two": screen.perturbations[::2]},
        about={"seconds": 1},
    ).save(path)  # fmt: skip
    return path


def _counts(folder: Path) -> None:
    """Cells that a screen is made of: gene by gene and with layers, and as MuData."""
    label = np.repeat([*small.names("KD", 3), "non-targeting"], 12)
    counts = np.random.default_rng(0).poisson(4, (len(label), 12)).astype(np.float32)
    data = anndata.AnnData(
        sparse.csc_matrix(counts),
        obs=pd.DataFrame({"gene": label, "batch": ["a", "b"] * 24}),
        var=pd.DataFrame({"feature_types": "Gene Expression"}, index=small.names("OUT", 12)),
        layers={"counts": counts},
    )
    data.raw = data.copy()
    data.write_h5ad(folder / "LineA_cells.h5ad")
    with h5py.File(folder / "LineA_cells.h5mu", "w") as file:
        anndata.io.write_elem(file.create_group("mod"), "rna", data[:, :10].copy())
        anndata.io.write_elem(file, "obs", data.obs)


def _cells(path: Path) -> Path:
    label = [*small.names("KD", 40), *["non-targeting"] * 5]
    matrix = np.random.default_rng(0).random((len(label), 30)).astype(np.float32)
    data = anndata.AnnData(
        sparse.csr_matrix(matrix),
        obs=pd.DataFrame({"gene": label}, index=[f"c{number}" for number in range(len(label))]),
        var=pd.DataFrame(index=small.names("OUT", 30)),
        uns={"unit": "Δ expression"},
    )
    data.write_h5ad(path)
    return path
