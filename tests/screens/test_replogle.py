"""Bulk files of Replogle et al. 2022 against a slow computation, one number at a time."""

import math
import statistics
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from llmpert.errors import InputError
from llmpert.screens import Screen, read_screen
from tests.support.replogle_files import CONTROL, SYMBOLS, Bulk, small_bulk, write_bulk

pytestmark = pytest.mark.filterwarnings("ignore::anndata.OldFormatWarning")

RAW = "K562_essential_raw_bulk_01.h5ad"
NORMALIZED = "rpe1_normalized_bulk_01.h5ad"


def symbol_of(name: str) -> str:
    return name.split("_", 1)[1].rsplit("_", 2)[0]


def slowly(bulk: Bulk, raw: bool) -> tuple[dict[str, dict[str, float]], list[float], list[float]]:
    """Responses by target and gene id, control means and spreads, without NumPy's help."""
    cells = [u if math.isnan(f) else f for f, u in zip(bulk.filtered, bulk.unfiltered, strict=True)]
    controls = [i for i, core in enumerate(bulk.core) if core]
    rows = [[float(x) for x in row] for row in bulk.values]
    if raw:
        depth = statistics.median(sum(rows[i]) for i in controls)
        rows = [[math.log1p(x * depth / sum(row)) for x in row] for row in rows]
    mean, spread = [], []
    for g in range(len(bulk.gene_ids)):
        known = [i for i in controls if math.isfinite(rows[i][g])]
        mean.append(sum(cells[i] * rows[i][g] for i in known) / sum(cells[i] for i in known))
        spread.append(statistics.stdev(rows[i][g] for i in known))
    response: dict[str, dict[str, float]] = {}
    for target in {symbol_of(name) for name in bulk.names if not name.endswith(CONTROL)}:
        members = [i for i, name in enumerate(bulk.names) if symbol_of(name) == target]
        response[target] = {}
        for g, gene in enumerate(bulk.gene_ids):
            known = [i for i in members if math.isfinite(rows[i][g])]
            if known:
                total = sum(cells[i] * (rows[i][g] - mean[g]) for i in known)
                response[target][gene] = total / sum(cells[i] for i in known)
    for gene in bulk.gene_ids:
        known_values = [values[gene] for values in response.values() if gene in values]
        for values in response.values():
            values.setdefault(gene, statistics.fmean(known_values))
    return response, mean, spread


def by_id(bulk: Bulk, screen: Screen) -> dict[str, int]:
    """Column of each gene id in the screen, for the genes whose symbol is their own."""
    ids = {
        name: gene
        for gene, name in zip(bulk.gene_ids, bulk.gene_names, strict=True)
        if name != "TBCE"
    }
    return {ids[name]: i for i, name in enumerate(screen.genes) if name in ids}


@pytest.mark.parametrize(("kind", "file"), [("raw", RAW), ("normalized", NORMALIZED)])
def test_matches_a_slow_computation(tmp_path: Path, kind: str, file: str) -> None:
    bulk = small_bulk(kind)
    screen = read_screen(write_bulk(tmp_path / file, bulk))
    response, mean, spread = slowly(bulk, raw=kind == "raw")
    assert sorted(response) == list(screen.perturbations)
    columns = by_id(bulk, screen)
    assert len(columns) == len(bulk.gene_ids) - 2
    for p, target in enumerate(screen.perturbations):
        for gene, g in columns.items():
            assert screen.response[p, g] == pytest.approx(response[target][gene], abs=2e-6)
    assert screen.control_mean is not None
    assert screen.control_sd is not None
    for gene, g in columns.items():
        assert screen.control_mean[g] == pytest.approx(mean[bulk.gene_ids.index(gene)], rel=1e-5)
        assert screen.control_sd[g] == pytest.approx(spread[bulk.gene_ids.index(gene)], rel=1e-4)


def test_says_what_it_read(tmp_path: Path) -> None:
    raw = read_screen(write_bulk(tmp_path / RAW, small_bulk("raw")))
    assert (raw.line, raw.unit) == ("K562", "Δ log-normalised expression")
    assert raw.provenance["source"] == "Replogle et al. 2022, figshare 20029387"
    assert raw.provenance["licence"] == "CC BY 4.0"
    assert raw.provenance["file"] == RAW
    assert not raw.simulated
    steps = " ".join(raw.provenance["steps"])
    assert "9 of 12 non-targeting" in steps
    assert "weighted by their cells" in steps
    assert "51 populations to 48 targets" in steps
    normalized = read_screen(write_bulk(tmp_path / NORMALIZED, small_bulk("normalized")))
    assert (normalized.line, normalized.unit) == ("RPE1", "Δ z-score")


def test_raw_response_does_not_depend_on_sequencing_depth(tmp_path: Path) -> None:
    bulk = small_bulk("raw")
    before = read_screen(write_bulk(tmp_path / RAW, bulk))
    targeted = [not name.endswith(CONTROL) for name in bulk.names]
    bulk.values[targeted] *= 3
    after = read_screen(write_bulk(tmp_path / RAW, bulk))
    np.testing.assert_allclose(after.response, before.response, atol=2e-6)


def test_symbols_and_cells_of_targets(tmp_path: Path) -> None:
    bulk = small_bulk("raw")
    screen = read_screen(write_bulk(tmp_path / RAW, bulk))
    assert set(SYMBOLS) < set(screen.perturbations)
    assert "non-targeting" not in screen.perturbations
    assert screen.cells is not None
    expected = sum(
        f for f, name in zip(bulk.filtered, bulk.names, strict=True) if "_ZBTB4_" in name
    )
    assert screen.cells[list(screen.perturbations).index("ZBTB4")] == expected


def test_targets_with_several_ensembl_ids_or_none_are_noted(tmp_path: Path) -> None:
    bulk = small_bulk("raw")
    bulk.names[bulk.row("_ZBTB4_P1_")] = "7_ZBTB4_P1_ENSG00000999999"
    bulk.names[bulk.row("_HLA-A_")] = "8_HLA-A_P1_nan"
    screen = read_screen(write_bulk(tmp_path / RAW, bulk))
    assert "HLA-A" in screen.perturbations
    assert any("several Ensembl ids" in n and "ZBTB4" in n for n in screen.provenance["notes"])


def test_genes_that_share_a_symbol(tmp_path: Path) -> None:
    bulk = small_bulk("raw")
    bulk.gene_names[-4] = "TBCE"
    bulk.means[-4:-1] = 0.4, 0.5, 0.9
    screen = read_screen(write_bulk(tmp_path / RAW, bulk))
    assert list(screen.genes[-4:]) == [*bulk.gene_ids[-4:-2], "TBCE", "HLA-B"]
    assert (
        "2 measured gene(s) share a symbol with a more expressed one and are named by their id:"
        " TBCE." in screen.provenance["notes"]
    )


def test_genes_without_a_symbol_go_by_their_id(tmp_path: Path) -> None:
    bulk = small_bulk("raw")
    bulk.gene_names[4] = ""
    screen = read_screen(write_bulk(tmp_path / RAW, bulk))
    assert screen.genes[4] == bulk.gene_ids[4]


def test_all_controls_serve_where_none_is_core(tmp_path: Path) -> None:
    bulk = small_bulk("normalized")
    bulk.core[:] = False
    screen = read_screen(write_bulk(tmp_path / NORMALIZED, bulk))
    control = np.array([name.endswith(CONTROL) for name in bulk.names])
    cells = np.where(np.isnan(bulk.filtered), bulk.unfiltered, bulk.filtered)
    expected = np.average(bulk.values[control], axis=0, weights=cells[control])
    assert screen.control_mean is not None
    np.testing.assert_allclose(screen.control_mean, expected, rtol=1e-4, atol=1e-6)
    assert any("all 12 non-targeting" in step for step in screen.provenance["steps"])
    assert any("num_cells_unfiltered stands in" in note for note in screen.provenance["notes"])


def test_a_single_control_has_no_spread(tmp_path: Path) -> None:
    bulk = small_bulk("normalized")
    bulk.core[np.flatnonzero(bulk.core)[1:]] = False
    assert read_screen(write_bulk(tmp_path / NORMALIZED, bulk)).control_sd is None


def test_populations_without_any_cell_count_are_left_out(tmp_path: Path) -> None:
    bulk = small_bulk("raw")
    row = bulk.row("_NKX2-1_")
    bulk.filtered[row], bulk.unfiltered[row] = np.nan, 0
    screen = read_screen(write_bulk(tmp_path / RAW, bulk))
    assert "NKX2-1" not in screen.perturbations
    assert any("NKX2-1" in note for note in screen.provenance["notes"])


class TestUnknownValues:
    @pytest.fixture
    def bulk(self) -> Bulk:
        bulk = small_bulk("normalized")
        bulk.values[bulk.row("_ZBTB4_P1_"), 3] = np.inf
        bulk.values[bulk.row("_POLR2A_"), 3] = -np.inf
        bulk.values[bulk.row("_SNRPD1_"), 5] = np.nan
        bulk.values[np.flatnonzero(bulk.core)[0], 6] = np.inf
        return bulk

    def test_match_a_slow_computation(self, tmp_path: Path, bulk: Bulk) -> None:
        screen = read_screen(write_bulk(tmp_path / NORMALIZED, bulk))
        response, mean, _ = slowly(bulk, raw=False)
        columns = by_id(bulk, screen)
        assert len(columns) == len(bulk.gene_ids) - 2
        for p, target in enumerate(screen.perturbations):
            for gene, g in columns.items():
                assert screen.response[p, g] == pytest.approx(response[target][gene], abs=2e-6)
        assert screen.control_mean is not None
        assert screen.control_mean[6] == pytest.approx(mean[6], abs=1e-6)

    def test_are_counted(self, tmp_path: Path, bulk: Bulk) -> None:
        notes = " ".join(read_screen(write_bulk(tmp_path / NORMALIZED, bulk)).provenance["notes"])
        assert "4 value(s) are not finite (3 infinite, 1 missing)" in notes
        assert "4 population(s)" in notes
        assert "3 gene(s), most in M3 (2)" in notes
        assert "1 come from the target's other populations and 2 are the gene's mean" in notes

    def test_two_gaps_of_one_target_count_together(self, tmp_path: Path) -> None:
        bulk = small_bulk("normalized")
        bulk.values[bulk.row("_ZBTB4_P1_"), 3] = np.nan
        bulk.values[bulk.row("_ZBTB4_P2_"), 3] = np.nan
        screen = read_screen(write_bulk(tmp_path / NORMALIZED, bulk))
        assert screen.control_mean is not None
        left = bulk.values[bulk.row("_ZBTB4_P1P2_"), 3] - screen.control_mean[3]
        found = screen.response[list(screen.perturbations).index("ZBTB4"), 3]
        assert found == pytest.approx(left, abs=1e-6)

    def test_genes_beyond_a_twentieth_are_left_out(self, tmp_path: Path) -> None:
        bulk = small_bulk("normalized")
        targeted = [i for i, name in enumerate(bulk.names) if not name.endswith(CONTROL)]
        # 60 populations are in use (51 targeted, 9 core controls), so 3 are a twentieth.
        bulk.values[targeted[:3], 7] = np.nan
        bulk.values[targeted[10:14], 8] = np.inf
        screen = read_screen(write_bulk(tmp_path / NORMALIZED, bulk))
        assert "M7" in screen.genes
        assert "M8" not in screen.genes
        assert len(screen.genes) == len(bulk.gene_ids) - 1
        assert any("1 gene(s) with too few" in n and "M8" in n for n in screen.provenance["notes"])

    def test_genes_unknown_in_controls_are_left_out(self, tmp_path: Path) -> None:
        bulk = small_bulk("normalized", controls=4)
        bulk.values[np.flatnonzero(bulk.core)[:2], 9] = np.nan
        assert bulk.core.sum() == 3
        assert "M9" not in read_screen(write_bulk(tmp_path / NORMALIZED, bulk)).genes

    def test_populations_beyond_a_twentieth_are_left_out(self, tmp_path: Path) -> None:
        bulk = small_bulk("normalized")
        bulk.values[bulk.row("_HLA-A_"), :] = np.nan
        screen = read_screen(write_bulk(tmp_path / NORMALIZED, bulk))
        assert "HLA-A" not in screen.perturbations
        assert len(screen.genes) == len(bulk.gene_ids)

    def test_nothing_finite(self, tmp_path: Path) -> None:
        bulk = small_bulk("normalized")
        bulk.values[:] = np.nan
        bulk.values[0, 0] = -1
        path = write_bulk(tmp_path / NORMALIZED, bulk)
        with pytest.raises(InputError, match=f"{NORMALIZED}: expected .*found none"):
            read_screen(path)

    def test_are_refused_in_raw_files(self, tmp_path: Path) -> None:
        bulk = small_bulk("raw")
        bulk.values[bulk.row("_AARS_P1P2_"), 0] = np.nan
        with pytest.raises(InputError, match=f"{RAW}.*raw values.*1 row.*_AARS_"):
            read_screen(write_bulk(tmp_path / RAW, bulk))


class TestKind:
    def test_is_told_from_the_values(self, tmp_path: Path) -> None:
        for kind, unit in (("raw", "Δ log-normalised expression"), ("normalized", "Δ z-score")):
            # "drawing" holds the letters of "raw" without saying so.
            path = write_bulk(tmp_path / f"K562_drawing{len(kind)}.h5ad", small_bulk(kind))
            assert read_screen(path).unit == unit

    @pytest.mark.parametrize(("kind", "file"), [("normalized", RAW), ("raw", NORMALIZED)])
    def test_contradiction_with_the_name_is_an_error(
        self, tmp_path: Path, kind: str, file: str
    ) -> None:
        path = write_bulk(tmp_path / file, small_bulk(kind))
        with pytest.raises(InputError, match=f"{file}.*rename the file"):
            read_screen(path)


class TestErrors:
    def test_no_controls(self, tmp_path: Path) -> None:
        bulk = small_bulk("raw")
        bulk.names = [n.replace(CONTROL, "GENEX_P1_ENSG1") for n in bulk.names]
        with pytest.raises(InputError, match=f"{RAW}: expected control rows"):
            read_screen(write_bulk(tmp_path / RAW, bulk))

    def test_controls_only(self, tmp_path: Path) -> None:
        bulk = small_bulk("raw")
        bulk.names = [f"{i}_{CONTROL}" for i in range(len(bulk.names))]
        with pytest.raises(InputError, match=f"{RAW}: expected populations of targeted genes"):
            read_screen(write_bulk(tmp_path / RAW, bulk))

    def test_malformed_rows_are_named(self, tmp_path: Path) -> None:
        bulk = small_bulk("raw")
        bulk.names[2], bulk.names[5] = "ZBTB4", "12_AARS_ENSG1"
        with pytest.raises(InputError, match=f"{RAW}.*2 named otherwise: ZBTB4, 12_AARS_ENSG1"):
            read_screen(write_bulk(tmp_path / RAW, bulk))

    def test_the_line_has_to_be_known(self, tmp_path: Path) -> None:
        path = write_bulk(tmp_path / "bulk_raw.h5ad", small_bulk("raw"))
        with pytest.raises(InputError, match=r"bulk_raw\.h5ad: expected K562 or RPE1"):
            read_screen(path)
        assert read_screen(path, "HepG2").line == "HepG2"

    def test_missing_and_damaged_files(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file"):
            read_screen(tmp_path / RAW)
        path = write_bulk(tmp_path / RAW, small_bulk("raw"))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(InputError, match=RAW):
            read_screen(path)

    def test_a_population_without_umis(self, tmp_path: Path) -> None:
        bulk = small_bulk("raw")
        bulk.values[bulk.row("_HLA-A_")] = 0
        with pytest.raises(InputError, match="_HLA-A_"):
            read_screen(write_bulk(tmp_path / RAW, bulk))


class TestOtherForms:
    """Bulk files as people pass them on: without some of the tables, or as text."""

    @pytest.fixture
    def bulk(self) -> Bulk:
        bulk = small_bulk("normalized")
        bulk.gene_names = [f"M{k}" for k in range(len(bulk.gene_names))]
        return bulk

    def test_symbols_as_the_index(self, tmp_path: Path, bulk: Bulk) -> None:
        path = write_bulk(tmp_path / NORMALIZED, bulk)
        truth, data = read_screen(path), anndata.read_h5ad(path)
        data.var = data.var.set_index("gene_name")[[]]
        data.write_h5ad(path)
        screen = read_screen(path)
        assert list(screen.genes) == list(truth.genes)
        np.testing.assert_array_equal(screen.response, truth.response)

    @pytest.mark.parametrize("ending", ["csv", "tsv.gz", "parquet", "h5ad"])
    def test_without_cells(self, tmp_path: Path, bulk: Bulk, ending: str) -> None:
        # Each population counts alike, and no control is marked.
        bulk.filtered[:] = bulk.unfiltered[:] = 1
        bulk.core = np.array([name.endswith(CONTROL) for name in bulk.names])
        truth = read_screen(write_bulk(tmp_path / NORMALIZED, bulk))
        path = tmp_path / f"rpe1_normalized.{ending}"
        frame = pd.DataFrame(bulk.values, bulk.names, bulk.gene_names)
        if ending == "parquet":
            frame.to_parquet(path)
        elif ending == "h5ad":
            anndata.AnnData(frame).write_h5ad(path)
        else:
            frame.to_csv(path, sep="," if ending == "csv" else "\t", index_label="gene_transcript")
        screen = read_screen(path)
        assert (screen.line, screen.unit) == ("RPE1", "Δ z-score")
        assert list(screen.perturbations) == list(truth.perturbations)
        assert list(screen.genes) == list(truth.genes)
        np.testing.assert_allclose(screen.response, truth.response, atol=1e-6)
        assert screen.cells is None
        assert any("all count alike" in note for note in screen.provenance["notes"])

    def test_a_gene_twice_in_a_table(self, tmp_path: Path, bulk: Bulk) -> None:
        frame = pd.DataFrame(bulk.values, bulk.names, [*bulk.gene_names[:-1], "M0"])
        frame.to_csv(tmp_path / "k562.csv")
        screen = read_screen(tmp_path / "k562.csv")
        assert list(screen.genes) == bulk.gene_names[:-1]
        assert any("same genes were left out: M0" in note for note in screen.provenance["notes"])


@pytest.mark.parametrize(("kind", "file"), [("raw", RAW), ("normalized", NORMALIZED)])
def test_read_screen_recognises_it(tmp_path: Path, kind: str, file: str) -> None:
    path = write_bulk(tmp_path / file, small_bulk(kind))
    screen = read_screen(path)
    assert screen.fingerprint == read_screen(path).fingerprint
    assert read_screen(path, line="mine").line == "mine"


def test_round_trip(tmp_path: Path) -> None:
    screen = read_screen(write_bulk(tmp_path / RAW, small_bulk("raw")))
    screen.save(tmp_path / "saved.h5ad")
    again = read_screen(tmp_path / "saved.h5ad")
    assert again.fingerprint == screen.fingerprint
    assert again.provenance == screen.provenance
