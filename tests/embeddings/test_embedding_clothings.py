"""A true embedding, and true gene sets, in the clothing of many laboratories: read as they are, or
refused, never misread.

More clothings than the gate tries: `pytest tests/embeddings/test_embedding_clothings.py
--hypothesis-profile thorough`.
"""

import gzip
import json
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from llmpert.embeddings import read_embedding
from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.genes.sets import GeneSets

GENES = [
    "TP53", "MYC", "GATA1", "MED12", "CDK9", "POLR2A", "BRD4", "EP300", "SMARCA4", "KMT2A", "RUNX1",
    "HLA-A", "NKX2-1", "KLF1", "SEPTIN9",
]  # fmt: skip
IDS = ["symbol", "lower", "blanks", "ensembl", "versions", "entrez", "uniprot", "mixed", "invented"]
HEADERS = ["d0", "numbers", "PC1", "X.1", "letters", "shuffled"]
EXTRA = [
    "Unnamed: 0", "index", "entrez_id", "ensembl", "description", "length", "cluster", "flag",
    "empty", "score", "taxid",
]  # fmt: skip
TEXTS = [
    "csv", "tsv", "txt", "csv.gz", "semicolons", "decimal comma", "tabs in csv", "blanks", "R",
    "no header", "no header, tabs", "word2vec", "gene2vec", "list in csv", "turned",
    "turned, row numbers",
]  # fmt: skip
BINARY = [
    "index", "column", "dictionary", "category", "list", "turned.parquet", "npz", "npz by gene",
    "npy", "npy turned", "safetensors", "h5ad", "h5ad turned", "h5ad obsm", "pickle", "pickle.gz",
    "ordered", "1 x d",
]  # fmt: skip


def called(genes: list[str], ids: str) -> list[str]:
    table = GeneTable.shipped()
    found = [table.resolve(gene).gene for gene in genes]
    kinds = {
        "symbol": genes,
        "lower": [gene.lower() for gene in genes],
        "blanks": [f" {gene} " for gene in genes],
        "ensembl": [gene.ensembl[0] for gene in found],
        "versions": [f"{gene.ensembl[0]}.7" for gene in found],
        "entrez": [gene.entrez for gene in found],
        "uniprot": [gene.uniprot[0] for gene in found],
        "invented": [f"FICT{gene}" for gene in genes],
    }
    kinds["mixed"] = [kinds[IDS[place % 4]][place] for place in range(len(genes))]
    return kinds[ids]


def beside(name: str, genes: list[str], rng: np.random.Generator) -> list[object]:
    count = len(genes)
    table = GeneTable.shipped()
    found = [table.resolve(gene).gene for gene in genes]
    return {
        "Unnamed: 0": list(range(count)),
        "index": list(range(count)),
        "entrez_id": [int(gene.entrez) for gene in found],
        "ensembl": [gene.ensembl[0] for gene in found],
        "description": [f"about gene {place}" for place in range(count)],
        "length": rng.integers(300, 9000, count).tolist(),
        "cluster": rng.integers(0, 5, count).tolist(),
        "flag": (rng.random(count) > 0.5).tolist(),
        "empty": [None] * count,
        "score": rng.random(count).tolist(),
        "taxid": [9606] * count,
    }[name]


@given(
    seed=st.integers(0, 10**6),
    ids=st.sampled_from(IDS),
    header=st.sampled_from(HEADERS),
    extra=st.lists(st.sampled_from(EXTRA), max_size=2, unique=True),
    name=st.sampled_from(["gene", "symbol", "", "protein", "Gene", "id"]),
    dimensions=st.integers(5, 12),
    dtype=st.sampled_from(["f8", "f4", "f2"]),
    form=st.sampled_from([*TEXTS, *BINARY]),
)
def test_an_embedding_is_read_as_it_is_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int, ids: str, header: str, extra: list[str], name: str, dimensions: int, dtype: str,
    form: str,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    genes = called(GENES, ids)
    columns = {
        "d0": [f"d{n}" for n in range(dimensions)],
        "numbers": [str(n) for n in range(dimensions)],
        "PC1": [f"PC{n + 1}" for n in range(dimensions)],
        "X.1": [f"X.{n}" for n in range(dimensions)],
        "letters": [f"dim {'abcdefghijkl'[n]}" for n in range(dimensions)],
        "shuffled": [f"e{n}" for n in rng.permutation(dimensions)],
    }[header]
    values = rng.normal(size=(len(genes), dimensions)).round(5).astype(dtype).astype(float)
    truth = pd.DataFrame(values, [gene.strip() for gene in genes], columns)
    frame = truth.set_axis(genes, axis=0).rename_axis(name or None)
    others = {other: beside(other, GENES, rng) for other in extra}
    path, sides = written(tmp_path_factory.mktemp("clothing"), frame, form, others, dtype, rng)
    if not sides:
        others = {}
    try:
        embedding = read_embedding(path, "x")
    except InputError:
        event(f"refused: {form}, {ids}")
        return
    event(f"read: {form}")
    told = " ".join([*embedding.provenance["steps"], *embedding.provenance["notes"]])
    if ("turned" in form or "description" in others) and "No name is a known gene" in told:
        return  # Nothing tells where the genes are, and that is said.
    # Each of these columns names the genes: they must be the same ones.
    spelt = [[gene.strip() for gene in genes]]
    if "ensembl" in others:
        spelt.append(called(GENES, "ensembl"))
    if "entrez_id" in others and ids == "invented":
        spelt.append(called(GENES, "entrez"))
    assert sorted(embedding.genes) in [sorted(names) for names in spelt]
    names = next(names for names in spelt if sorted(names) == sorted(embedding.genes))
    found = pd.DataFrame(embedding.vectors, embedding.genes).loc[names].to_numpy()
    if found.shape[1] > dimensions and "score" in others and header == "letters":
        # Nothing tells a score from a dimension where each has a name of its own.
        found = np.delete(
            found, np.argmin(np.abs(found - np.array(others["score"])[:, None]).sum(0)), 1
        )
    close = {"rtol": 2e-3, "atol": 1e-3} if dtype == "f2" else {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(found, truth.to_numpy(), **close)
    twice = ids == "entrez" and "entrez_id" in others
    assert not others or "left out" in told or header == "letters" or twice


def written(
    folder: Path,
    frame: pd.DataFrame,
    form: str,
    others: dict[str, list],
    dtype: str,
    rng: np.random.Generator,
) -> tuple[Path, bool]:
    """Write an embedding in some form; return the file, and whether it has the other columns."""
    genes, vectors = frame.index.to_list(), frame.to_numpy().astype(dtype)
    path, named = folder / "x.csv", frame.rename_axis(frame.index.name or "")
    if form in TEXTS:
        for other, values in others.items():
            named.insert(int(rng.integers(0, named.shape[1] + 1)), other, values)
    if form in ("csv", "tsv", "txt", "csv.gz"):
        path = folder / f"x.{form}"
        named.to_csv(path, sep="," if "csv" in form else "\t")
    elif form == "semicolons":
        named.to_csv(path, sep=";")
    elif form == "decimal comma":
        named.to_csv(path, sep=";", decimal=",")
    elif form == "tabs in csv":
        named.to_csv(path, sep="\t")
    elif form == "blanks":
        path = folder / "x.txt"
        named.to_csv(path, sep=" ")
    elif form == "R":
        lines = named.rename_axis("gene").to_csv(sep="\t").splitlines()
        path = folder / "x.txt"
        path.write_text("\n".join([lines[0].split("\t", 1)[1], *lines[1:]]) + "\n")
    elif form.startswith("no header"):
        frame.to_csv(path, header=False, sep="\t" if "tabs" in form else ",")
        return path, False
    elif form == "word2vec":
        rows = [
            " ".join([gene.strip(), *map(str, row)])
            for gene, row in zip(genes, vectors, strict=True)
        ]
        path = folder / "x.txt"
        path.write_text(
            "\n".join([f"{len(genes)} {vectors.shape[1]}", *(f"{row} " for row in rows)]) + "\n"
        )
        return path, False
    elif form == "gene2vec":
        rows = [
            f"{gene}\t{' '.join(map(str, row))} " for gene, row in zip(genes, vectors, strict=True)
        ]
        path = folder / "x.txt"
        path.write_text("\n".join(rows) + "\n")
        return path, False
    elif form == "list in csv":
        pd.DataFrame(
            {"gene": genes, "embedding": [str(row.tolist()) for row in vectors], **others}
        ).to_csv(path)
    elif form.startswith("turned") and form in TEXTS:
        numbered = form == "turned, row numbers"
        frame.T.reset_index(drop=numbered).to_csv(path, index=numbered)
        return path, False
    elif form in ("index", "column", "dictionary", "category", "turned.parquet", "list"):
        path = folder / "x.parquet"
        flat = frame.astype("f4" if dtype == "f2" else dtype).rename_axis("gene").reset_index()
        if form == "turned.parquet":
            frame.T.to_parquet(path)
            return path, False
        if form == "list":
            kind = pa.list_(pa.float32())
            table = {"gene": genes, "v": pa.array(vectors.astype("f4").tolist(), kind), **others}
            pq.write_table(pa.table(table), path)
            return path, True
        for other, values in others.items():
            flat.insert(int(rng.integers(0, flat.shape[1] + 1)), other, values)
        if form == "index":
            flat.set_index("gene").to_parquet(path)
        elif form == "dictionary":
            table = pa.Table.from_pandas(flat, preserve_index=False)
            at = table.column_names.index("gene")
            pq.write_table(table.set_column(at, "gene", table["gene"].dictionary_encode()), path)
        else:
            kind = "category" if form == "category" else object
            flat.astype({"gene": kind}).to_parquet(path, index=False)
    else:
        return arrayed(folder, genes, vectors, form), False
    return path, True


def arrayed(folder: Path, genes: list[str], vectors: np.ndarray, form: str) -> Path:
    """Write an embedding in a form that is no table."""
    path = folder / "x.npz"
    rows = dict(zip(genes, vectors, strict=True))
    if form == "npz":
        np.savez(path, genes=np.array(genes), vectors=vectors)
    elif form == "npz by gene":
        np.savez(path, **rows)
    elif form.startswith("npy"):
        path = folder / "x.npy"
        np.save(path, vectors.T if "turned" in form else vectors)
        (folder / "x.txt").write_text("\n".join(genes))
    elif form == "safetensors":
        path, kind = folder / "x.safetensors", f"F{vectors.itemsize * 8}"
        tensor = {"dtype": kind, "shape": list(vectors.shape), "data_offsets": [0, vectors.nbytes]}
        head = json.dumps({"__metadata__": {"genes": json.dumps(genes)}, "w": tensor}).encode()
        path.write_bytes(struct.pack("<Q", len(head)) + head + vectors.tobytes())
    elif form.startswith("h5ad"):
        path = folder / "x.h5ad"
        obs = pd.DataFrame(index=genes)
        columns = pd.DataFrame(index=[f"d{n}" for n in range(vectors.shape[1])])
        if form == "h5ad obsm":
            data = anndata.AnnData(obs=obs, obsm={"emb": vectors.astype("f4")})
        elif form == "h5ad turned":
            data = anndata.AnnData(vectors.T.astype("f4"), columns, obs)
        else:
            data = anndata.AnnData(vectors.astype("f4"), obs, columns)
        data.write_h5ad(path)
    else:
        path = folder / ("x.pickle.gz" if form == "pickle.gz" else "x.pickle")
        content: object = rows
        if form == "ordered":
            content = OrderedDict(rows)
        elif form == "1 x d":
            content = {gene: row[None] for gene, row in rows.items()}
        packed = pickle.dumps(content, protocol=len(genes[0]) % 6)
        path.write_bytes(gzip.compress(packed) if form == "pickle.gz" else packed)
    return path


SETS = {"Hallmark a": GENES[:5], "p<0.05": GENES[3:9], "last": GENES[9:]}
OF_SETS = [
    "plain", "crlf", "mark", "gz", "txt", "quotes", "one tab", "weights", "empty set", "twice",
    "trailing tabs", "latin-1", "utf-16", "commas", "long table", "network", "blank lines",
]  # fmt: skip


@given(
    ids=st.sampled_from(IDS),
    form=st.sampled_from(OF_SETS),
    shown=st.booleans(),
    seed=st.integers(0, 99),
)
def test_gene_sets_are_read_as_they_are_or_refused(
    tmp_path_factory: pytest.TempPathFactory, ids: str, form: str, shown: bool, seed: int
) -> None:
    names = dict(zip(GENES, called(GENES, ids), strict=True))
    order = np.random.default_rng(seed).permutation(len(SETS))
    sets = {list(SETS)[at]: [names[gene] for gene in SETS[list(SETS)[at]]] for at in order}
    path = dressed(tmp_path_factory.mktemp("clothing"), sets, form, "https://x" if shown else "")
    try:
        found = GeneSets.read(path)
    except InputError:
        event(f"refused: {form}, {ids}")
        return
    event(f"read: {form}")
    expected = {
        name.replace("<", "\u2039"): {gene.strip() for gene in genes}
        for name, genes in sets.items()
    }
    if form == "latin-1":
        expected = {name: genes for name, genes in expected.items() if "\u00ef" not in name}
    if form == "one tab" and ids == "invented":
        return  # What stands there could be descriptions.
    assert found.members == expected
    assert any("written differently" in note for note in found.notes)
    if form in ("weights", "empty set", "twice"):
        assert len(found.notes) > 1


def dressed(folder: Path, sets: dict[str, list[str]], form: str, about: str) -> Path:
    """Write gene sets in some form; return the file."""
    rows = [[name, about, *genes] for name, genes in sets.items()]
    path, tab, end, encoding = folder / "x.gmt", "\t", "\n", "utf-8"
    if form == "one tab":
        rows = [[name, *genes] for name, _, *genes in rows]
    elif form == "weights":
        rows = [[*row[:2], *(f"{gene},1.0" for gene in row[2:])] for row in rows]
    elif form == "quotes":
        rows = [[f'"{cell}"' for cell in row] for row in rows]
    elif form == "empty set":
        rows.append(["nothing", about])
    elif form == "twice":
        rows.append(rows[0])
    elif form == "trailing tabs":
        rows = [[*row, "", ""] for row in rows]
    elif form == "latin-1":
        rows.append(["na\u00efve", about, *rows[0][2:]])
    elif form == "long table":
        rows = [[name, gene] for name, genes in sets.items() for gene in genes]
    elif form == "network":
        rows = [[name, gene, "1.5"] for name, genes in sets.items() for gene in genes[:1]]
    elif form == "blank lines":
        end = "\n\n"
    tab = "," if form == "commas" else tab
    end = "\r\n" if form == "crlf" else end
    encoding = {"latin-1": "latin-1", "utf-16": "utf-16", "mark": "utf-8-sig"}.get(form, encoding)
    path = folder / {"gz": "x.gmt.gz", "txt": "x.txt"}.get(form, "x.gmt")
    content = "".join(tab.join(row) + end for row in rows).encode(encoding)
    path.write_bytes(gzip.compress(content) if form == "gz" else content)
    return path
