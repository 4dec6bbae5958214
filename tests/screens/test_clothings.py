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
from hypothesis import event, given
from hypothesis import strategies as st
from scipy import sparse

from llmpert.errors import InputError
from llmpert.screens import Screen, read_screen

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
    try:
        screen = read_screen(path)
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
