"""Cells as people have them: which column, which line, which numbers; asked where it is open."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from llmpert.errors import InputError, Question
from llmpert.screens import Screen, read_screen
from llmpert.screens.cells import plan, pseudobulk
from llmpert.screens.cells.file import CellFile
from tests.support.single_cells import CONTROL, TARGETS, log_expression, single_cells, written


@pytest.fixture(scope="module")
def cells() -> anndata.AnnData:
    data = single_cells()
    data.obs = data.obs.drop(columns="gem_group")
    data.obs["gene"] = data.obs["gene"].astype(str)
    return data


@pytest.fixture(scope="module")
def truth(cells: anndata.AnnData, tmp_path_factory: pytest.TempPathFactory) -> Screen:
    return read_screen(written(tmp_path_factory.mktemp("cells") / "k562_cells.h5ad", cells))


Change = Callable[[anndata.AnnData], None]


def same(truth: Screen, screen: Screen) -> None:
    assert list(screen.perturbations) == list(truth.perturbations)
    np.testing.assert_allclose(screen.response, truth.response, atol=2e-5)


def treatment_first(data: anndata.AnnData) -> None:
    data.obs.insert(0, "condition", np.where(np.arange(data.n_obs) % 2, "control", "stimulated"))


def guides_beside(data: anndata.AnnData) -> None:
    number = np.arange(data.n_obs) % 3
    gene = data.obs["gene"]
    data.obs["guide"] = [f"{g}_sg{n}" for g, n in zip(gene, number, strict=True)]
    data.obs = data.obs[["guide", "gene"]]


def guides_only(data: anndata.AnnData) -> None:
    guides_beside(data)
    del data.obs["gene"]


def pairs(data: anndata.AnnData) -> None:
    gene = data.obs.pop("gene")
    odd = np.arange(data.n_obs) % 2
    data.obs["perturbation"] = [
        f"{CONTROL}_{g}" if o else f"{g}_{CONTROL}" for g, o in zip(gene, odd, strict=True)
    ]


def blanks(data: anndata.AnnData) -> None:
    data.obs["gene"] = [f" {g}" if g == CONTROL else f"{g}+ctrl " for g in data.obs["gene"]]


def base_2(data: anndata.AnnData) -> None:
    data.X = (log_expression(data.X) / np.log(2)).astype(np.float32)


def stated_base(data: anndata.AnnData) -> None:
    base_2(data)
    data.uns["log1p"] = {"base": 2}


def natural(data: anndata.AnnData) -> None:
    data.X = log_expression(data.X).astype(np.float32)


def per_hundred(data: anndata.AnnData) -> None:
    data.X = data.X / data.X.sum(axis=1, keepdims=True) * 100


def ambient(data: anndata.AnnData) -> None:
    data.X = data.X * np.random.default_rng(1).uniform(0.9, 1, (data.n_obs, 1)).astype(np.float32)


@pytest.mark.parametrize(
    "change",
    [treatment_first, guides_beside, guides_only, pairs, blanks, base_2, stated_base, natural,
     per_hundred, ambient],
)  # fmt: skip
def test_other_clothing_gives_the_same_screen(
    tmp_path: Path, cells: anndata.AnnData, truth: Screen, change: Change
) -> None:
    data = cells.copy()
    change(data)
    same(truth, read_screen(written(tmp_path / "k562_cells.h5ad", data)))


def test_labels_of_nothing_and_usual_controls_are_no_knockdowns(
    tmp_path: Path, cells: anndata.AnnData
) -> None:
    data = cells.copy()
    names = data.obs["gene"].to_numpy(object)
    for place, name in enumerate(["nan", "NA", "None", "AAVS1", "safe-targeting"]):
        names[20 * place : 20 * (place + 1)] = name
    data.obs["gene"] = names.astype(str)
    screen = read_screen(written(tmp_path / "k562_cells.h5ad", data))
    assert list(screen.perturbations) == list(TARGETS)
    notes = " ".join(screen.provenance["notes"])
    assert "60 cell(s) without a knocked-down gene" in notes
    assert "40 cell(s) with what controls often are were left out: AAVS1, safe-targeting" in notes


def test_conditions_that_are_taken_together_are_told(
    tmp_path: Path, cells: anndata.AnnData
) -> None:
    data = cells.copy()
    treatment_first(data)
    data.obs["day"] = 3
    screen = read_screen(written(tmp_path / "k562_cells.h5ad", data))
    said = "2 conditions in the column 'condition' (control, stimulated) were taken together"
    assert sum(said in note for note in screen.provenance["notes"]) == 1
    assert not any("'day'" in note for note in screen.provenance["notes"])


def test_two_columns_that_disagree_are_asked_about(tmp_path: Path, cells: anndata.AnnData) -> None:
    data = cells.copy()
    data.obs["second"] = data.obs["gene"].to_numpy()[::-1]
    path = written(tmp_path / "k562_cells.h5ad", data)
    with pytest.raises(Question, match=r"--target: gene .*, second ") as asked:
        read_screen(path)
    assert list(asked.value.choices) == ["gene", "second"]
    swapped = data.copy()
    swapped.obs = swapped.obs[["second"]]
    other = read_screen(written(tmp_path / "k562_other.h5ad", swapped))
    same(other, read_screen(path, target="second"))


def test_treatments_are_no_knockdowns(tmp_path: Path, cells: anndata.AnnData) -> None:
    data = cells.copy()
    treatment_first(data)
    del data.obs["gene"]
    path = written(tmp_path / "k562_cells.h5ad", data)
    with pytest.raises(Question, match="none with known genes"):
        plan(path)


def test_one_of_several_lines_is_taken_or_asked_for(
    tmp_path: Path, cells: anndata.AnnData, truth: Screen
) -> None:
    other = cells.copy()
    other.X = other.X[:, ::-1]
    data = anndata.concat([cells, other], keys=["K562", "RPE1"], label="cell_line")
    data.obs_names_make_unique()
    data.var = cells.var
    path = written(tmp_path / "both.h5ad", data)
    for given in ({}, {"line": "HeLa"}, {"default_line": "K562"}):
        with pytest.raises(Question, match=r"2 in the column 'cell_line' \(K562, RPE1\)"):
            read_screen(path, **given)
    screen = read_screen(path, line="k562")
    assert screen.line == "K562"
    same(truth, screen)
    assert "400 cell(s) of other lines were left out." in screen.provenance["notes"]


def test_numbers_that_could_be_anything_are_asked_about(
    tmp_path: Path, cells: anndata.AnnData, truth: Screen
) -> None:
    data = cells.copy()
    rng = np.random.default_rng(2)
    data.X = (rng.uniform(0.2, 3, data.shape)).astype(np.float32)
    path = written(tmp_path / "k562_cells.h5ad", data)
    with pytest.raises(Question, match=r"--values: counts .*, log .*, log2 ") as asked:
        read_screen(path)
    assert list(asked.value.choices) == ["counts", "log", "log2"]
    natural, binary = read_screen(path, values="log"), read_screen(path, values="log2")
    np.testing.assert_allclose(binary.response, natural.response * np.log(2), atol=1e-6)


def test_values_lie_in_a_layer_where_x_is_scaled(
    tmp_path: Path, cells: anndata.AnnData, truth: Screen
) -> None:
    data = cells.copy()
    data.layers["counts"] = sparse.csr_matrix(cells.X)
    data.raw = cells
    data.X = (cells.X - cells.X.mean(axis=0)) / cells.X.std(axis=0)
    path = written(tmp_path / "k562_cells.h5ad", data)
    with pytest.raises(Question, match=r"--layer: counts, raw \(what AnnData keeps") as asked:
        read_screen(path)
    for layer in asked.value.choices:
        same(truth, pseudobulk(plan(path, layer=layer)))
        same(truth, read_screen(path, layer=layer))
    with pytest.raises(InputError, match="expected the layer 'no'"):
        plan(path, layer="no")


def test_files_without_x_name_their_layers(
    tmp_path: Path, cells: anndata.AnnData, truth: Screen
) -> None:
    path = written(tmp_path / "k562_cells.h5ad", cells)
    with h5py.File(path, "a") as file:
        file["layers/counts"] = file["X"][()]
        del file["X"]
    with pytest.raises(
        Question, match=r"with values in X, found none; .* --layer: counts"
    ) as asked:
        read_screen(path)
    same(truth, read_screen(path, layer=asked.value.choices.popitem()[0]))


def test_raw_may_have_other_genes_than_x(
    tmp_path: Path, cells: anndata.AnnData, truth: Screen
) -> None:
    data = cells[:, :7].copy()
    data.raw = cells
    screen = read_screen(written(tmp_path / "k562_cells.h5ad", data), layer="raw")
    assert list(screen.genes) == list(truth.genes)
    same(truth, screen)


def test_mudata_has_cells_in_its_modality_rna(
    tmp_path: Path, cells: anndata.AnnData, truth: Screen
) -> None:
    """Which guide a cell got may stand in the table of all modalities."""
    with h5py.File(tmp_path / "k562.h5mu", "w") as file:
        modalities = file.create_group("mod")
        anndata.io.write_elem(modalities, "rna", anndata.AnnData(cells.X, var=cells.var))
        anndata.io.write_elem(modalities, "guides", anndata.AnnData(np.ones((cells.n_obs, 2))))
        obs = cells.obs.set_axis([str(k) for k in range(cells.n_obs)])
        anndata.io.write_elem(file, "obs", obs)
    same(truth, read_screen(tmp_path / "k562.h5mu"))
    with h5py.File(tmp_path / "k562.h5mu", "a") as file:
        del file["mod/rna"]
    with pytest.raises(InputError, match="a modality called rna in MuData, found guides"):
        read_screen(tmp_path / "k562.h5mu")


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_features_that_are_no_genes_are_left_out(
    tmp_path: Path, cells: anndata.AnnData, truth: Screen, kind: Callable
) -> None:
    """Guides are counted beside genes; scaled with them, cells with many guides would differ."""
    guides = anndata.AnnData(np.full((cells.n_obs, 2), 500, np.float32), obs=cells.obs)
    guides.var = pd.DataFrame({"gene_name": ["g1", "g2"]}, index=["g1", "g2"])
    both = [cells[:, :10].copy(), guides, cells[:, 10:].copy()]
    for part, name in zip(both, ("Gene Expression", "CRISPR Guide Capture"), strict=False):
        part.var["feature_types"] = name
    both[2].var["feature_types"] = "Gene Expression"
    data = anndata.concat(both, axis=1, merge="same")
    data.X = kind(data.X)
    screen = read_screen(written(tmp_path / "k562_cells.h5ad", data))
    assert list(screen.genes) == list(truth.genes)
    same(truth, screen)
    assert any("CRISPR Guide Capture" in note for note in screen.provenance["notes"])


def test_a_name_of_controls_that_nobody_knows_is_asked_for(
    tmp_path: Path, cells: anndata.AnnData, truth: Screen
) -> None:
    data = cells.copy()
    data.obs["gene"] = ["Ctl [pool]" if g == CONTROL else g for g in data.obs["gene"]]
    path = written(tmp_path / "k562_cells.h5ad", data)
    with pytest.raises(Question, match=r"--control: Ctl \[pool\] \(") as asked:
        read_screen(path)
    assert asked.value.option == "control"
    same(truth, read_screen(path, control="Ctl [pool]"))
    # AAVS1 would do, but there are more cells of another name.
    names = data.obs["gene"].to_numpy(object)
    few, many = names.copy(), names.copy()
    few[np.flatnonzero(names == "HLA-A")[:20]] = "AAVS1"
    many[names == "Ctl [pool]"] = "AAVS1"
    many[np.flatnonzero(names == "HLA-A")[:20]] = "of no gene"
    data.obs["gene"] = few
    with pytest.raises(Question, match=r"--control: AAVS1 .*, Ctl "):
        read_screen(written(path, data))
    data.obs["gene"] = many
    screen = read_screen(written(path, data))
    assert "of no gene" in screen.perturbations


def test_a_screen_is_not_to_be_averaged_again(tmp_path: Path, truth: Screen) -> None:
    data = anndata.AnnData(truth.response, obs=pd.DataFrame(index=truth.perturbations))
    data.obs["line"] = "K562"
    data.write_h5ad(path := tmp_path / "k562.h5ad")
    with pytest.raises(
        InputError, match=r"rows named by their targets \(AARS, HLA-A …\), as a screen"
    ):
        plan(path)


def test_neither_reader_hides_why_the_other_declined(
    tmp_path: Path, cells: anndata.AnnData
) -> None:
    data = cells.copy()
    data.obs = pd.DataFrame({"arm": ["x", "y"] * (data.n_obs // 2)})
    data.obs.index = [f"sample {k}" for k in range(data.n_obs)]
    path = written(tmp_path / "k562.h5ad", data)
    with pytest.raises(InputError, match=r"raw counts\. As single cells: .*\(arm: x, y\)"):
        read_screen(path)


def test_genes_may_be_named_in_any_column_where_the_index_has_numbers(
    tmp_path: Path, cells: anndata.AnnData
) -> None:
    data = cells.copy()
    known = "ACTB GAPDH B2M HBG1 HBG2 HBZ ALAS2 GYPA TFRC CD44 VIM KRT8 KRT18 LMNA CCNB1 CDK1"
    names = [*known.split(), *(f"ENSG{k:011d}" for k in range(data.n_vars - 16))]
    data.var = pd.DataFrame({"id": names}, index=[str(k) for k in range(data.n_vars)])
    screen = read_screen(written(tmp_path / "k562_cells.h5ad", data))
    assert list(screen.genes) == names
    data.var = data.var[[]]
    with pytest.raises(InputError, match="name of a gene for every measured gene"):
        read_screen(written(tmp_path / "k562_numbers.h5ad", data))


@pytest.fixture
def read_cells(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many cells were read at a time."""
    counts: list[int] = []
    read = CellFile._read

    def counted(self: CellFile, where: Any) -> Any:
        found = read(self, where)
        counts.append(found.shape[0])
        return found

    monkeypatch.setattr(CellFile, "_read", counted)
    monkeypatch.setattr("llmpert.screens.cells.file.SAMPLE", 20)
    return counts


def unnamed_controls(data: anndata.AnnData) -> None:
    data.obs["gene"] = [f"x{g}" for g in data.obs["gene"]]


def several_lines(data: anndata.AnnData) -> None:
    data.obs["cell_line"] = ["K562", "RPE1"] * (data.n_obs // 2)


def repeated_genes(data: anndata.AnnData) -> None:
    del data.var["gene_name"]
    data.var_names = ["ACTB", "ACTB", *data.var_names[2:]]


def no_layer(data: anndata.AnnData) -> None:
    data.layers["counts"] = data.X
    data.X = None


@pytest.mark.filterwarnings("ignore:.*names are not unique")
@pytest.mark.parametrize("change", [unnamed_controls, several_lines, repeated_genes, no_layer])
def test_what_the_tables_tell_is_told_before_cells_are_read(
    tmp_path: Path, cells: anndata.AnnData, read_cells: list[int], change: Change
) -> None:
    data = cells.copy()
    change(data)
    path = written(tmp_path / "k562_cells.h5ad", data)
    with pytest.raises(InputError):
        plan(path)
    assert read_cells == []


def test_too_many_sums_for_the_memory_are_told_before_cells_are_read(
    tmp_path: Path,
    cells: anndata.AnnData,
    read_cells: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("llmpert.io.limits.MOST_VALUES", 5 * cells.n_vars - 1)
    path = written(tmp_path / "k562_cells.h5ad", cells)
    with pytest.raises(InputError, match=r"at most 149 perturbations x genes.*found 150"):
        plan(path)
    assert read_cells == []


def test_what_the_values_are_is_told_from_few_cells(
    tmp_path: Path, cells: anndata.AnnData, read_cells: list[int]
) -> None:
    plan(written(tmp_path / "k562_cells.h5ad", cells))
    assert read_cells == [20, 20, 20]
    data = cells.copy()
    data.X = data.X - 1
    read_cells.clear()
    with pytest.raises(InputError, match="negative or missing"):
        plan(written(tmp_path / "k562_scaled.h5ad", data))
    assert read_cells == []


def test_parts_of_one_entry_are_summed(
    tmp_path: Path, cells: anndata.AnnData, truth: Screen
) -> None:
    path = written(tmp_path / "k562_cells.h5ad", cells, as_sparse=True)
    half = np.floor(cells.X / 2)
    values = np.stack([half, cells.X - half], axis=2).reshape(cells.n_obs, -1)
    columns = np.repeat(np.arange(cells.n_vars), 2)
    with h5py.File(path, "a") as file:
        for name, content in (
            ("data", values.ravel()),
            ("indices", np.tile(columns, cells.n_obs).astype(np.int32)),
            ("indptr", np.arange(cells.n_obs + 1, dtype=np.int32) * len(columns)),
        ):
            del file[f"X/{name}"]
            file[f"X/{name}"] = content
    same(truth, read_screen(path))


@pytest.mark.filterwarnings("ignore:.*names are not unique")
def test_genes_of_one_name_go_by_their_ids(tmp_path: Path, cells: anndata.AnnData) -> None:
    data = cells.copy()
    data.var["gene_ids"] = data.var_names
    data.var_names = ["ACTB", "ACTB", *(f"G{k}" for k in range(data.n_vars - 2))]
    del data.var["gene_name"]
    screen = read_screen(written(tmp_path / "k562_cells.h5ad", data))
    assert "ACTB" in screen.genes
    assert sum(str(name).startswith("ENSG") for name in screen.genes) == 1
    del data.var["gene_ids"]
    with pytest.raises(InputError, match="var_names_make_unique"):
        plan(written(tmp_path / "k562_again.h5ad", data))


def test_codes_are_no_targets(tmp_path: Path, cells: anndata.AnnData) -> None:
    data = cells.copy()
    codes = {name: str(number) for number, name in enumerate([CONTROL, *TARGETS])}
    data.obs["gene"] = pd.Categorical([codes[name] for name in data.obs["gene"]])
    path = written(tmp_path / "k562_cells.h5ad", data)
    with pytest.raises(InputError, match=r"perhaps row numbers or codes|known genes"):
        plan(path, control=["0"])
