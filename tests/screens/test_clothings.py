"""A true screen in the clothing of many laboratories: read as it is, or refused, never misread.

More clothings than the gate tries: `pytest tests/screens/test_clothings.py --hypothesis-profile
thorough`.
"""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from scipy import sparse

from llmpert.errors import InputError, Question
from llmpert.genes import GeneTable
from llmpert.screens import Screen, read_screen
from tests.support.cell_files import CellFile

TARGETS = [
    "TP53", "MYC", "GATA1", "MED12", "CDK9", "POLR2A", "BRD4", "EP300", "SMARCA4", "KMT2A", "RUNX1",
    "HLA-A", "NKX2-1", "KLF1",
]  # fmt: skip
MEASURED = [
    "ACTB", "GAPDH", "B2M", "HBG1", "ALAS2", "GYPA", "TFRC", "CD44", "VIM", "KRT8", "LMNA", "CDK1",
    "PCNA", "MT-CO1", "TUBB",
]  # fmt: skip

# What a label is written as, and how many rows there are of it.
LABELS = {
    "plain": ["{}"],
    "guides": ["{}_sg1", "{}_sg2"],
    "sg": ["sg{}-1", "sg{}-2", "sg{}-3"],
    "ctrl": ["{}+ctrl"],
    "ctrl first": ["ctrl+{}"],
    "pair": ["{}_non-targeting"],
    "pair first": ["non-targeting_{}"],
    "blanks": [" {} "],
    "lower": ["{}"],
}
CONTROLS = ["control", "ctrl", "non-targeting", "NTC", "NT", "NegCtrl0_NegCtrl0", "unperturbed"]
OTHERS = ["nan", "NA", "unassigned", "safe-targeting", "AAVS1", "TP53_MYC", "KLF1+GATA1"]
VALUES = ["differences", "log means", "standardised", "z-scores"]
COLUMNS = ["n_cells", "Unnamed: 0", "index", "entrez_id"]
FORMATS = [
    "csv", "tsv", "txt", "csv.gz", "semicolons", "decimal comma", "tabs in csv", "R", "index",
    "column", "dictionary", "category", "row numbers", "dense", "csr", "csc", "long", "turned",
    "expression", "two lines", "two lines in h5ad", "column of targets", "layer",
]  # fmt: skip


def truth(seed: int) -> tuple[pd.DataFrame, pd.Series, np.random.Generator]:
    """Differences to control, and the level of each gene in control."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(0.1, 0.5)
    values = rng.normal(0, size, (len(TARGETS), len(MEASURED)))
    level = pd.Series(rng.uniform(1.5, 5, len(MEASURED)), MEASURED)
    return pd.DataFrame(values, TARGETS, MEASURED).round(5), level, rng


@given(
    seed=st.integers(0, 10**6),
    values=st.sampled_from(VALUES),
    labels=st.sampled_from(sorted(LABELS)),
    control=st.sampled_from(["", *CONTROLS]),
    others=st.lists(st.sampled_from(OTHERS), max_size=3, unique=True),
    column=st.sampled_from(["", "", *COLUMNS]),
    form=st.sampled_from(FORMATS),
)
def test_it_is_read_as_it_is_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int, values: str, labels: str, control: str, others: list[str], column: str, form: str,
) -> None:  # fmt: skip
    delta, level, rng = truth(seed)
    forms = LABELS[labels]
    # Rows of one gene differ, and average to the truth.
    parts = [delta + (place - (len(forms) - 1) / 2) * 0.01 for place in range(len(forms))]
    frame = pd.concat(
        part.set_axis([text.format(name) for name in part.index])
        for text, part in zip(forms, parts, strict=True)
    )
    usual = [[0.0] if name in ("AAVS1", "safe-targeting") else [1.0] for name in others]
    odd = np.array(usual).reshape(-1, 1) * rng.normal(0, 0.3, (len(others), len(MEASURED)))
    frame = pd.concat([frame, pd.DataFrame(odd, others, MEASURED)])
    if control:
        frame = pd.concat([frame, pd.DataFrame(0.0, [control], MEASURED)])
    expected = delta
    if values in ("log means", "standardised"):
        frame = frame + level
    if values in ("z-scores", "standardised"):
        # As scanpy's scale and R's scale do it, over all rows.
        scale = frame.std()
        frame = (frame - frame.mean()) / scale if values == "standardised" else frame / scale
        expected = delta / scale
    frame = frame.sample(frac=1, random_state=int(seed))
    counts = rng.integers(20, 900, len(frame))
    if column:
        odd_column = np.arange(len(frame)) if column in ("Unnamed: 0", "index") else counts
        frame.insert(int(rng.integers(0, len(MEASURED))), column, odd_column)
    path = written(tmp_path_factory.mktemp("clothing"), frame, form)
    answers = {"line": "K562"} if "lines" in form else {"layer": "mean"} if form == "layer" else {}
    if answers:
        with pytest.raises(Question, match=f"--{next(iter(answers))}"):
            read_screen(path)
    try:
        screen = read_screen(path, **answers)
    except InputError:
        event(f"refused: {values}, {'control' if control else 'no control'}")
        return
    event(f"read: {form}")
    some_control = control or {"AAVS1", "safe-targeting"}.intersection(others)
    if not some_control and (form == "turned" or values == "standardised"):
        # Perturbations and genes look alike, and what a control was is lost.
        if form != "turned":
            assert any("not to control" in note for note in screen.provenance["notes"])
        return
    if column == "n_cells" and len(forms) > 1:  # guides are weighted by them
        close = {"rtol": 0, "atol": 0.011 / (1 if values[0] in "dl" else scale.min())}
    else:
        close = {"rtol": 1e-3, "atol": 1e-4}
    check(screen, expected, close)


def check(screen: Screen, expected: pd.DataFrame, close: dict[str, Any]) -> None:
    """Fail where a screen is not the expected one, rows and columns in any order."""
    assert sorted(screen.perturbations) == sorted(expected.index)
    assert sorted(screen.genes) == sorted(expected.columns)
    found = pd.DataFrame(screen.response, screen.perturbations, screen.genes)
    np.testing.assert_allclose(found.loc[expected.index, expected.columns], expected, **close)


def written(folder: Path, frame: pd.DataFrame, form: str) -> Path:
    """Write a table in some form; return the file."""
    path = folder / "k562_screen.csv"
    named = frame.rename_axis("perturbation")
    if form == "turned":
        named.T.rename_axis("gene").to_csv(path)
    elif form == "semicolons":
        named.to_csv(path, sep=";")
    elif form == "decimal comma":
        named.to_csv(path, sep=";", decimal=",")
    elif form == "tabs in csv":
        named.to_csv(path, sep="\t")
    elif form == "row numbers":
        named.reset_index().to_csv(path)
    elif form == "R":
        lines = named.to_csv(sep="\t").splitlines()
        path = folder / "k562_screen.txt"
        path.write_text("\n".join([lines[0].split("\t", 1)[1], *lines[1:]]) + "\n")
    elif form == "long":
        long = named.reset_index().melt("perturbation", var_name="feature", value_name="log2FC")
        long.assign(p_value=0.5).to_csv(path, index=False)
    elif form == "expression":  # as scanpy's tables of differential expression
        long = named.reset_index().melt("perturbation", var_name="names", value_name="scores")
        long = long.rename(columns={"perturbation": "group"}).assign(pvals=0.5, pvals_adj=0.75)
        long.assign(logfoldchanges=long["scores"], scores=3.0).to_csv(path)
    elif form == "two lines":
        both = [named.assign(cell_line="K562"), (named + 7).assign(cell_line="RPE1")]
        pd.concat(both).to_csv(path)
    elif form in ("two lines in h5ad", "column of targets", "layer"):
        path = folder / "k562_screen.h5ad"
        obs = pd.DataFrame({"target": frame.index.astype(str)}).astype("category")
        obs.index = [f"p{number}" for number in range(len(obs))]
        data = anndata.AnnData(frame.to_numpy(np.float32), obs=obs)
        data.var = pd.DataFrame({"symbol": frame.columns}, index=data.var_names)
        if form == "layer":
            data.layers["mean"], data.X = data.X, None
        if form == "two lines in h5ad":
            other = data.copy()
            other.X = other.X + 7
            data = anndata.concat([data, other], label="line", keys=["K562", "RPE1"], merge="same")
            data.obs_names_make_unique()
        data.write_h5ad(path)
    elif form in ("index", "column", "dictionary", "category"):
        path = folder / "k562_screen.parquet"
        flat = named.reset_index()
        if form == "category":
            flat["perturbation"] = flat["perturbation"].astype("category")
        if form == "index":
            named.to_parquet(path)
        elif form == "dictionary":
            table = pa.Table.from_pandas(flat, preserve_index=False)
            coded = table.column("perturbation").dictionary_encode()
            pq.write_table(table.set_column(0, "perturbation", coded), path)
        else:
            flat.to_parquet(path, index=False)
    elif form in ("dense", "csr", "csc"):
        path = folder / "k562_screen.h5ad"
        make: Any = {"dense": np.asarray, "csr": sparse.csr_matrix, "csc": sparse.csc_matrix}[form]
        obs, var = (pd.DataFrame(index=names.astype(str)) for names in (frame.index, frame.columns))
        anndata.AnnData(make(frame.to_numpy(np.float32)), obs=obs, var=var).write_h5ad(path)
    else:
        path = folder / f"k562_screen.{form}"
        named.to_csv(path, sep="," if "csv" in form else "\t")
    return path


CELL_VALUES = [
    "counts", "counts", "log", "log2", "log10", "log of another depth", "log of fewer genes",
    "per 10,000", "per million", "ambient", "square roots", "scaled",
]  # fmt: skip
CELL_LABELS = {name: LABELS[name] for name in LABELS if name != "lower"}
CELL_CONTROLS = [*CONTROLS, "non-targeting_non-targeting", "Scr_pool", "nt_guide_7"]
COLUMNS_OF_TARGETS = ["gene", "perturbation", "target_gene", "condition", "guide_ID", "Group"]
NO_TARGETS = ["nan", "unassigned", "NA", "TP53+MYC", None, "AAVS1"]
EXTRA = ["guide", "treatment", "n_counts", "phase", "leiden", "barcode", "is_doublet", "sample"]
GENES_IN = [
    "symbols", "symbols and ids", "ids and gene_name", "ids and feature_name", "ids only",
    "numbers and gene_symbols", "numbers and name",
]  # fmt: skip
LIE_IN = ["X", "X", "X", "layer", "raw", "layer without X"]
MATRICES = ["dense", "csr", "csc", "twice", "unsorted", "csc unsorted"]
ENCODINGS = ["now", "now", "0.7", "0.6", "MuData"]
INDICES = ["barcodes", "numbers", "cells"]
DTYPES = ["float32", "float64", "float16", "int64", "uint16"]


def true_cells(seed: int, lines: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Counts of cells, and each cell's target ("" of controls), batch and line."""
    rng = np.random.default_rng(seed)
    targets = ["", *rng.choice(TARGETS, rng.integers(3, 7), replace=False)]
    rows = [
        (target, batch, line)
        for line in ("K562", "RPE1")[:lines]
        for target in targets
        for batch in ("b1", "b2")
        for _ in range(6 if target else 12)
    ]
    obs = pd.DataFrame(rows, columns=["target", "batch", "line"])
    effect = {
        key: rng.normal(0, 0.5, len(MEASURED))
        for key in zip(obs["target"], obs["line"], strict=True)
    }
    effect |= {key: np.zeros(len(MEASURED)) for key in effect if not key[0]}
    shift = {batch: rng.normal(0, 0.3, len(MEASURED)) for batch in ("b1", "b2")}
    rate = np.array([effect[t, one] + shift[b] for t, b, one in rows])
    depth = rng.uniform(0.5, 2, (len(obs), 1))
    counts = rng.poisson(rng.gamma(2, 4, len(MEASURED)) * np.exp(rate) * depth)
    counts[:, 0] += 1  # no cell is empty
    order = rng.permutation(len(obs))
    return counts[order], obs.iloc[order].reset_index(drop=True)


def true_response(counts: np.ndarray, obs: pd.DataFrame, batch: bool, depth: float) -> pd.DataFrame:
    """Return what each knockdown changes, by definition."""
    log = np.log1p(counts / counts.sum(axis=1, keepdims=True) * depth)
    values = pd.DataFrame(log, columns=MEASURED)
    group = obs["batch"] if batch else pd.Series("", obs.index)
    control = values[obs["target"] == ""].groupby(group[obs["target"] == ""]).mean()
    different = values - control.loc[group].to_numpy()
    return different.groupby(obs["target"]).mean().drop("")


def dressed(counts: np.ndarray, values: str) -> np.ndarray:
    """Write counts as a laboratory does."""
    share = counts / counts.sum(axis=1, keepdims=True)
    log = np.log1p(share * 1e4)
    kinds: dict[str, Any] = {
        "counts": counts,
        "log": log,
        "log2": log / np.log(2),
        "log10": log / np.log(10),
        "log of another depth": np.log1p(share * 2_345.6),
        "log of fewer genes": log,
        "per 10,000": share * 1e4,
        "per million": share * 1e6,
        "ambient": counts * 0.97,
        "square roots": np.sqrt(counts),
        "scaled": (log - log.mean(axis=0)) / (log.std(axis=0) + 1e-9),
    }
    return np.asarray(kinds[values], dtype=np.float64)


@settings(max_examples=max(10, settings.default.max_examples // 2), deadline=None)
@given(
    seed=st.integers(0, 10**6),
    lines=st.sampled_from([1, 1, 2]),
    values=st.sampled_from(CELL_VALUES),
    labels=st.sampled_from(sorted(CELL_LABELS)),
    control=st.sampled_from(CELL_CONTROLS),
    column=st.sampled_from(COLUMNS_OF_TARGETS),
    others=st.lists(st.sampled_from(NO_TARGETS), max_size=2, unique=True),
    batch=st.sampled_from(["batch", "gem_group", "library", ""]),
    extra=st.lists(st.sampled_from(EXTRA), max_size=4, unique=True),
    category=st.booleans(),
    genes=st.sampled_from(GENES_IN),
    guides=st.booleans(),
    place=st.sampled_from(LIE_IN),
    matrix=st.sampled_from(MATRICES),
    dtype=st.sampled_from(DTYPES),
    index=st.sampled_from(INDICES),
    encoding=st.sampled_from(ENCODINGS),
)
def test_cells_are_read_as_they_are_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int, lines: int, values: str, labels: str, control: str, column: str, others: list[Any],
    batch: str, extra: list[str], category: bool, genes: str, guides: bool, place: str, matrix: str,
    dtype: str, index: str, encoding: str,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    counts, obs = true_cells(seed, lines)
    forms = CELL_LABELS[labels]
    label = [
        forms[k % len(forms)].format(target) if target else control
        for k, target in enumerate(obs["target"])
    ]
    one = (obs["line"] == "K562").to_numpy()
    depth = 2_345.6 if values == "log of another depth" else 1e4
    expected = true_response(counts[one], obs[one].reset_index(drop=True), bool(batch), depth)
    # Cells without a knocked-down gene, or with several, among the others.
    for other in others:
        counts = np.vstack([counts, rng.poisson(8, (12, len(MEASURED))) + 1])
        label += [other] * 12
        obs = pd.concat([obs, obs.iloc[:12].assign(target=None)], ignore_index=True)
    table = pd.DataFrame({column: label})
    if batch:
        table[batch] = obs["batch"]
    if lines > 1:
        table["cell_line"] = obs["line"]
    for name in extra:
        table.insert(int(rng.integers(0, table.shape[1] + 1)), name, beside(name, obs, label, rng))
    for name in table:
        # Text that is missing is one in categories only.
        if table[name].isna().any() or (
            category and not pd.api.types.is_numeric_dtype(table[name])
        ):
            table[name] = pd.Categorical(table[name])
    numbers, names = dressed(counts, values), list(MEASURED)
    if values == "log of fewer genes":
        names = names[:10]
        numbers, expected = numbers[:, :10], expected[names]
    var = named_genes(names, genes)
    if guides:
        var["feature_types"] = "Gene Expression"
        var = pd.concat([var, var.iloc[:2].assign(feature_types="CRISPR Guide Capture")])
        var.index = [*var.index[:-2], "guide 1", "guide 2"]
        numbers = np.hstack([numbers, rng.poisson(50, (len(numbers), 2)).astype(float)])
    table.index = {
        "barcodes": ["".join(rng.choice(list("ACGT"), 16)) + "-1" for _ in label],
        "numbers": [str(k) for k in range(len(label))],
        "cells": [f"cell{k}" for k in range(len(label))],
    }[index]
    kind = dtype if dtype.startswith("float") or values == "counts" else "float32"
    file = CellFile(numbers.astype(kind), table, var, matrix, place)
    path = file.write(tmp_path_factory.mktemp("cells") / "k562_cells.h5ad", encoding)
    answers: dict[str, str] = {}
    known = {"layer": file.layer, "control": control, "line": "K562", "target": column}
    known["values"] = {"log": "log", "log2": "log2"}.get(values, "counts")
    if values in ("log of another depth", "log of fewer genes"):
        known["values"] = "log"
    while True:
        try:
            screen = read_screen(path, **answers)
            break
        except Question as question:
            event(f"asked: {question.option}")
            answer = known[question.option]
            hopeless = values in ("square roots", "scaled", "log10") and question.option == "values"
            if hopeless or answer not in question.choices:
                return
            if question.option in answers:
                pytest.fail(f"asked again: {question}")
            answers[question.option] = answer
        except InputError as problem:
            event(f"refused: {values}, {genes}, {control}: {str(problem)[-60:]}")
            return
    event(f"read: {values}, {encoding}")
    assert values not in ("square roots", "scaled")
    # What no file tells: the knocked-down gene goes by an id.
    if screen.genes[0].startswith("ENSG"):
        expected = expected.set_axis(var.index[: len(names)], axis=1)
    close = {"rtol": 0, "atol": 2e-2 if kind == "float16" else 1e-3}
    check(screen, expected, close)


def beside(name: str, obs: pd.DataFrame, label: list[Any], rng: np.random.Generator) -> Any:
    """A column of obs that names no target, or the same one."""
    made: dict[str, Any] = {
        "guide": [str(x) if "sg" in str(x) else f"{x}" for x in label],
        "treatment": rng.choice(["control", "stimulated"], len(obs)),
        "n_counts": rng.integers(100, 5000, len(obs)),
        "phase": rng.choice(["G1", "S", "G2M"], len(obs)),
        "leiden": [str(k) for k in rng.integers(0, 4, len(obs))],
        "barcode": ["".join(rng.choice(list("ACGT"), 12)) for _ in range(len(obs))],
        "is_doublet": rng.random(len(obs)) < 0.1,
        "sample": "S1",
    }
    return made[name]


def named_genes(names: list[str], how: str) -> pd.DataFrame:
    """Return var with genes called in some way."""
    table = GeneTable.shipped()
    ids = [table.resolve(name).gene.ensembl[0] for name in names]  # type: ignore[union-attr]
    numbers = [str(k) for k in range(len(names))]
    made: dict[str, Any] = {
        "symbols": ({}, names),
        "symbols and ids": ({"gene_ids": ids}, names),
        "ids and gene_name": ({"gene_name": names}, ids),
        "ids and feature_name": ({"feature_name": names}, ids),
        "ids only": ({}, ids),
        "numbers and gene_symbols": ({"gene_symbols": names}, numbers),
        "numbers and name": ({"name": names}, numbers),
    }
    columns, index = made[how]
    return pd.DataFrame(columns, index=index)
