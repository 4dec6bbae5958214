"""From a file of single cells to a screen, against brute force and SciPy."""

from itertools import pairwise

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.parallel import run_serially
from llmpert.screens import Screen, read_screen
from llmpert.screens.cells import holds_cells, plan, pseudobulk
from llmpert.screens.cells.file import open_cells
from llmpert.screens.cells.layout import CellGroups
from tests.support import small
from tests.support.replogle_files import small_bulk, write_bulk
from tests.support.single_cells import CONTROL, TARGETS, log_expression, single_cells, written


def screen_of(path, **options) -> Screen:
    return pseudobulk(plan(path, **options))


@pytest.fixture
def data():
    return single_cells()


@pytest.mark.parametrize("as_sparse", [False, True])
def test_without_batches_it_is_the_mean_difference_and_welchs_test_of_scipy(
    tmp_path, data, as_sparse
):
    screen = screen_of(written(tmp_path / "k562_cells.h5ad", data, as_sparse), batch="none")
    values, name = log_expression(data.X), data.obs["gene"].to_numpy()
    control = values[name == CONTROL]
    assert screen.line == "K562"
    assert list(screen.perturbations) == list(TARGETS)
    assert list(screen.genes) == list(data.var["gene_name"])
    np.testing.assert_allclose(screen.control_mean, control.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(screen.control_sd, control.std(axis=0, ddof=1), rtol=1e-5)
    for row, target in enumerate(screen.perturbations):
        cells = values[name == target]
        test = scipy.stats.ttest_ind(cells, control, equal_var=False)
        q = scipy.stats.false_discovery_control(test.pvalue)
        assert screen.cells[row] == len(cells)
        np.testing.assert_allclose(
            screen.response[row], cells.mean(axis=0) - control.mean(axis=0), atol=2e-6
        )
        np.testing.assert_allclose(
            screen.layers["variance"][row], cells.var(axis=0, ddof=1), rtol=1e-4
        )
        np.testing.assert_allclose(screen.layers["t"][row], test.statistic, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(screen.layers["q"][row], q, rtol=1e-2, atol=1e-12)


def test_with_batches_cells_are_compared_with_controls_of_their_own(tmp_path, data):
    screen = screen_of(written(tmp_path / "cells.h5ad", data), line="K562")
    values, batch = log_expression(data.X), data.obs["gem_group"].to_numpy()
    name = data.obs["gene"].to_numpy()
    for row, target in enumerate(TARGETS):
        cells = name == target
        difference, variance, below = 0.0, values[cells].var(axis=0, ddof=1) / cells.sum(), 0.0
        below = variance**2 / (cells.sum() - 1)
        expected = values[cells].mean(axis=0)
        for number in np.unique(batch):
            controls = values[(name == CONTROL) & (batch == number)]
            share = (cells & (batch == number)).sum() / cells.sum()
            difference += share * controls.mean(axis=0)
            own = share**2 * controls.var(axis=0, ddof=1) / len(controls)
            variance = variance + own
            below = below + own**2 / (len(controls) - 1)
        statistic = (expected - difference) / np.sqrt(variance)
        p = 2 * scipy.stats.t.sf(np.abs(statistic), variance**2 / below)
        np.testing.assert_allclose(screen.response[row], expected - difference, atol=2e-6)
        np.testing.assert_allclose(screen.layers["t"][row], statistic, rtol=1e-3, atol=1e-4)
        q = scipy.stats.false_discovery_control(p)
        np.testing.assert_allclose(screen.layers["q"][row], q, rtol=1e-2, atol=1e-12)


def test_what_differs_between_batches_only_is_no_response(tmp_path):
    # All of one batch's cells are perturbed more often, and express otherwise.
    data = single_cells(3000, seed=2, batches=2)
    rng = np.random.default_rng(0)
    shifted = data.obs["gem_group"].to_numpy() == 2
    data.X[shifted] = rng.poisson(data.X[shifted] * np.exp(rng.normal(0, 1, data.n_vars)))
    name = np.where(rng.random(3000) < np.where(shifted, 0.8, 0.2), "AARS", CONTROL)
    data.obs["gene"] = name
    keep = written(tmp_path / "k562_cells.h5ad", data)
    corrected, plain = screen_of(keep), screen_of(keep, batch="none")
    # AARS was given to cells at random within a batch, so nothing of it is real but old effects.
    assert np.abs(corrected.response).max() < 0.5 * np.abs(plain.response).max()


def test_parts_blocks_and_layout_of_the_file_do_not_matter(tmp_path, data, monkeypatch):
    whole = screen_of(written(tmp_path / "k562_cells.h5ad", data))
    monkeypatch.setattr("llmpert.screens.cells.file.BLOCK_BYTES", 4 * data.n_vars * 7)
    monkeypatch.setattr("llmpert.screens.cells.moments.BLOCK_BYTES", 4 * data.n_vars * 7)
    monkeypatch.setattr("llmpert.screens.cells.moments.SHARE", 1)
    for number, (as_sparse, options) in enumerate(
        [(False, {}), (True, {}), (True, {"compression": "gzip"}), (False, {"compression": "gzip"})]
    ):
        path = written(tmp_path / f"k562_{number}.h5ad", data, as_sparse, **options)
        found = plan(path)
        parts = found.job.chunks()
        assert len(parts) > 3
        assert parts[0][0] == 0
        assert parts[-1][1] == data.n_obs
        assert all(a[1] == b[0] for a, b in pairwise(parts))
        screen = pseudobulk(found)
        for mine, other in (
            (screen.response, whole.response),
            *((screen.layers[name], whole.layers[name]) for name in ("variance", "t", "q")),
        ):
            np.testing.assert_allclose(mine, other, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("logged", [False, True])
def test_a_file_that_stores_genes_one_after_the_other_gives_the_same(
    tmp_path, data, monkeypatch, logged
):
    data.X[7] = 0
    if logged:
        data.X = np.nan_to_num(log_expression(data.X) / np.log(2)).astype(np.float32)
    whole = screen_of(written(tmp_path / "k562_cells.h5ad", data))
    data.X = scipy.sparse.csc_matrix(data.X)
    path = written(tmp_path / "k562_by_gene.h5ad", data)
    for block in (2**27, 4 * data.n_obs * 4):
        for module in ("file", "moments"):
            monkeypatch.setattr(f"llmpert.screens.cells.{module}.BLOCK_BYTES", block)
        found = plan(path)
        assert len(found.job.chunks()) == (1 if block == 2**27 else 4)
        told = []
        screen = pseudobulk(found, progress=lambda *so_far, told=told: told.append(so_far))
        assert told[-1] == (data.n_obs, data.n_obs)
        assert screen.provenance["notes"] == whole.provenance["notes"]
        for name, other in (("response", whole), *whole.layers.items()):
            mine = screen.response if name == "response" else screen.layers[name]
            other = whole.response if name == "response" else other
            np.testing.assert_allclose(mine, other, rtol=2e-4, atol=1e-5)


def test_parts_made_in_any_order_add_up_to_the_same_bits(tmp_path, data, monkeypatch):
    monkeypatch.setattr("llmpert.screens.cells.moments.BLOCK_BYTES", 4 * data.n_vars * 20)
    monkeypatch.setattr("llmpert.screens.cells.moments.SHARE", 1)
    found = plan(written(tmp_path / "k562_cells.h5ad", data))

    def backwards(work, shared, items):
        yield from reversed(list(run_serially(work, shared, items)))

    assert pseudobulk(found, backwards).fingerprint == pseudobulk(found).fingerprint


def test_a_break_loses_only_the_part_in_hand(tmp_path, data, monkeypatch):
    monkeypatch.setattr("llmpert.screens.cells.moments.BLOCK_BYTES", 4 * data.n_vars * 20)
    monkeypatch.setattr("llmpert.screens.cells.moments.SHARE", 1)
    found = plan(written(tmp_path / "k562_cells.h5ad", data))
    undisturbed = pseudobulk(found, work=tmp_path / "other")
    seen = []

    class Broken(Exception):
        pass

    def breaks(work, shared, items):
        for position, result in run_serially(work, shared, items):
            if position == 2:
                raise Broken
            yield position, result

    with pytest.raises(Broken):
        pseudobulk(found, breaks, work=tmp_path / "work")

    def counting(work, shared, items):
        seen.extend(items)
        yield from run_serially(work, shared, items)

    told = []
    screen = pseudobulk(found, counting, lambda *so_far: told.append(so_far), tmp_path / "work")
    assert seen == found.job.chunks()[2:]
    assert told[0] == (found.job.chunks()[1][1], data.n_obs)
    assert told[-1] == (data.n_obs, data.n_obs)
    assert screen.fingerprint == undisturbed.fingerprint
    assert not list((tmp_path / "work").rglob("*.npz"))


def test_parts_of_another_version_of_the_file_are_not_used(tmp_path, data, monkeypatch):
    monkeypatch.setattr("llmpert.screens.cells.moments.BLOCK_BYTES", 4 * data.n_vars * 20)
    monkeypatch.setattr("llmpert.screens.cells.moments.SHARE", 1)
    path, work = written(tmp_path / "k562_cells.h5ad", data), tmp_path / "work"

    def killed(work, shared, items):
        yield from list(run_serially(work, shared, items))[:-1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pseudobulk(plan(path, batch="none"), killed, work=work)
    assert len(list(work.rglob("*.npz"))) == len(plan(path).job.chunks()) - 1
    data.X = data.X + 1
    again = pseudobulk(plan(written(path, data), batch="none"), work=work)
    values = log_expression(data.X)
    control = values[(data.obs["gene"] == CONTROL).to_numpy()].mean(axis=0)
    np.testing.assert_allclose(again.control_mean, control, rtol=1e-6)
    assert not list(work.rglob("*.npz"))


def test_log_normalised_values_are_taken_as_they_are(tmp_path, data):
    raw = screen_of(written(tmp_path / "k562_raw.h5ad", data))
    data.X = log_expression(data.X).astype(np.float32)
    found = plan(written(tmp_path / "k562_log.h5ad", data))
    assert found.job.base == np.e
    np.testing.assert_allclose(pseudobulk(found).response, raw.response, atol=1e-5)
    assert found.layout.batch == "gem_group"


def test_cells_that_cannot_be_used_are_left_out_and_told(tmp_path, data):
    data.X[5] = 0
    name = data.obs["gene"].astype(str)
    name.iloc[5:9] = [CONTROL, "AARS+ZBTB4", "", "RARE"]
    data.obs["gene"] = name
    data.obs.loc["cell9", "gene"] = np.nan
    screen = screen_of(written(tmp_path / "k562_cells.h5ad", data), batch="none")
    assert list(screen.perturbations) == list(TARGETS)
    assert screen.provenance["notes"] == [
        "1 cell(s) with several genes knocked down at once were left out: AARS+ZBTB4.",
        "2 cell(s) without a knocked-down gene were left out.",
        "1 perturbation(s) with fewer than 10 cells were left out: RARE.",
        "1 cell(s) without any count were left out.",
    ]
    kept = np.flatnonzero((name == CONTROL).to_numpy())
    control = log_expression(data.X[kept[kept != 5]]).mean(axis=0)
    np.testing.assert_allclose(screen.control_mean, control, rtol=1e-5)


def test_batches_without_controls_are_left_out_and_told(tmp_path, data):
    batch = data.obs["gem_group"].to_numpy().copy()
    perturbed = np.flatnonzero((data.obs["gene"] != CONTROL).to_numpy())
    batch[perturbed[:25]] = 7
    data.obs["gem_group"] = batch
    screen = screen_of(written(tmp_path / "k562_cells.h5ad", data))
    assert screen.cells.sum() == len(perturbed) - 25
    assert (
        "1 batch(es) with fewer than 2 control cells were left out, and with them 25 cell(s): 7."
        in screen.provenance["notes"]
    )


def test_a_file_may_have_any_number_of_batches():
    count = 300_000
    batch = np.arange(count)
    group = np.concatenate([np.zeros(count), 1 + batch, 1 + batch]).astype(np.int32)
    groups = CellGroups(np.array(["A"]), batch.astype(str), group, np.tile(batch, 3), [])
    perturbed, controls = groups.counts(empty=np.array([0, count]))
    assert perturbed.tolist() == [[0] + [1] * (count - 1)]
    assert controls.tolist() == [1] + [2] * (count - 1)


def test_names_of_other_conventions_are_understood(tmp_path, data):
    data.obs["perturbation"] = [
        "control" if name == CONTROL else f"{name}+ctrl" for name in data.obs.pop("gene")
    ]
    data.obs["cell_line"] = "Jurkat"
    data.obs["nperts"] = 1
    data.obs.loc[data.obs_names[:10], "nperts"] = 2
    data.var_names = data.var.pop("gene_name")
    found = plan(written(tmp_path / "x.h5ad", data.copy()))
    assert found.layout.target == "perturbation"
    assert found.layout.controls == ["control"]
    assert found.layout.line == "Jurkat"
    assert found.layout.symbols is None
    assert list(found.groups.perturbations) == list(TARGETS)
    assert any("several genes" in note for note in found.groups.notes)


def test_other_files_are_not_taken_for_single_cells(tmp_path):
    small.screen().save(tmp_path / "screen.h5ad")
    write_bulk(tmp_path / "bulk.h5ad", small_bulk("raw"))
    (tmp_path / "text.h5ad").write_text("no HDF5")
    for name in ("screen", "bulk", "text", "missing"):
        assert not holds_cells(tmp_path / f"{name}.h5ad")


def test_single_cells_are_read_like_any_screen(tmp_path, data):
    path = written(tmp_path / "rpe1_cells.h5ad", data)
    screen = read_screen(path, unit="Δ log")
    assert (screen.line, screen.unit) == ("RPE1", "Δ log")
    assert screen.response.tolist() == screen_of(path).response.tolist()
    with pytest.raises(InputError, match="at most 11,999 cells x genes in an upload, found 12,000"):
        read_screen(path, upload_limit=11_999)


def test_old_files_are_read(tmp_path, data):
    """Names as codes beside `__categories`, as AnnData wrote them in 2022."""
    path = tmp_path / "k562_cells.h5ad"
    text = h5py.string_dtype()
    with h5py.File(path, "w") as file:
        file["X"] = data.X
        for frame, index, columns in (("obs", "cell", ["gene"]), ("var", "gene_id", ["gene_name"])):
            group = file.create_group(frame)
            group.attrs["encoding-type"] = "dataframe"
            group.attrs["encoding-version"] = "0.1.0"
            group.attrs["_index"] = index
            group.attrs["column-order"] = np.array(columns, dtype=text)
            table = getattr(data, frame)
            group.create_dataset(index, data=list(table.index), dtype=text)
            for column in columns:
                names, codes = np.unique(table[column].astype(str), return_inverse=True)
                categories = group.require_group("__categories").create_dataset(
                    column, data=names.tolist(), dtype=text
                )
                group.create_dataset(column, data=codes.astype(np.int16))
                group[column].attrs["categories"] = categories.ref
    assert (
        screen_of(path).response.tolist()
        == screen_of(written(tmp_path / "k562_new.h5ad", data), batch="none").response.tolist()
    )


def test_a_screen_with_layers_comes_back_from_disk(tmp_path, data):
    screen = screen_of(written(tmp_path / "k562_cells.h5ad", data))
    screen.save(tmp_path / "screen.h5ad")
    again = Screen.load(tmp_path / "screen.h5ad")
    assert again.fingerprint == screen.fingerprint
    assert set(again.layers) == {"variance", "t", "q"}
    part = again.select(["ZBTB4", "AARS"], ["M3", "M1"])
    np.testing.assert_array_equal(part.layers["t"], screen.layers["t"][np.ix_([3, 0], [3, 1])])


def negative(data):
    data.X[390, 3] = -1


def missing(data):
    data.X[390, 3] = np.nan


def broken_numbers(data):
    data.X *= np.random.default_rng(0).uniform(0.5, 1.5, data.X.shape).astype(np.float32)
    data.X[0, 0] = 123.5


def no_controls(data):
    data.obs["gene"] = "AARS"


def two_lines(data):
    data.obs["cell_line"] = ["K562", "RPE1"] * 200


def one_control(data):
    data.obs["gene"] = ["control", *["AARS"] * 399]


def few(data):
    data.obs["gene"] = ["AARS"] * 9 + ["control"] * 391


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            negative,
            r"counts or log-normalised values \(finite, 0 or more\), found negative or missing",
        ),
        (
            missing,
            r"counts or log-normalised values \(finite, 0 or more\), found negative or missing",
        ),
        (broken_numbers, "broken numbers up to 123.5"),
        (no_controls, "found none such"),
        (two_lines, "found 2 in the column 'cell_line'"),
        (one_control, "2 or more control cells in a batch, found 1 in 3"),
        (few, "perturbations with 10 cells or more"),
    ],
)
def test_files_that_cannot_be_used_are_refused_in_words(tmp_path, data, change, said):
    data.obs["gene"] = data.obs["gene"].astype(str)
    change(data)
    path = written(tmp_path / "k562_cells.h5ad", data)
    with pytest.raises(InputError, match=said) as refused:
        screen_of(path)
    assert str(path) in str(refused.value)


def test_what_is_given_is_not_guessed(tmp_path, data):
    data.obs["guide"] = ["none" if n == CONTROL else n for n in data.obs["gene"]]
    path = written(tmp_path / "k562_cells.h5ad", data)
    found = plan(path, "HeLa", target="guide", control=["none"], batch="none", values="log")
    assert found.layout.line == "HeLa"
    assert found.layout.controls == ["none"]
    assert found.layout.batch is None
    assert found.job.base == np.e
    for wrong in ({"target": "no"}, {"batch": "no"}):
        with pytest.raises(InputError, match="a column 'no' of obs"):
            plan(path, **wrong)
    with pytest.raises(InputError, match="control cells as 'HLA-B'"):
        plan(path, control=["HLA-B"])


@pytest.mark.parametrize("content", [b"", b"no HDF5", None])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "k562_cells.h5ad"
    if content is None:
        with h5py.File(path, "w") as file:
            file["something"] = 1
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"k562_cells\.h5ad"), open_cells(path):
        pass


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(2, 12))
def test_means_of_random_files_are_those_of_pandas(tmp_path_factory, seed, batches, genes):
    data = single_cells(150, genes, seed, batches)
    data.X[:, 0] += 1  # no cell is empty
    path = written(tmp_path_factory.mktemp("cells") / "k562.h5ad", data, bool(seed % 2))
    screen = screen_of(path, fewest=2)
    values = pd.DataFrame(log_expression(data.X), columns=data.var["gene_name"])
    obs = data.obs.reset_index(drop=True)
    controls = values[obs["gene"] == CONTROL].groupby(obs["gem_group"]).mean()
    differences = values - controls.reindex(obs["gem_group"]).to_numpy()
    expected = differences.groupby(obs["gene"].astype(str)).mean().drop(CONTROL)
    assert list(expected.index) == list(screen.perturbations)
    np.testing.assert_allclose(screen.response, expected, atol=1e-5)


def test_as_many_processes_are_taken_as_memory_is_enough_for(tmp_path, data):
    found = plan(written(tmp_path / "k562_cells.h5ad", data))
    memory = [found.memory(count) for count in range(1, 6)]
    assert memory == sorted(memory)
    assert found.processes(5, memory[2]) == 3
    assert found.processes(2, memory[4]) == 2
    assert found.processes(4, 0) == 1
