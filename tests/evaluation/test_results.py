import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.evaluation.results import (
    COLUMNS,
    Results,
    ResultsSummary,
    at_sizes,
    summarise,
    write_table,
)

ABOUT = {"simulated": True, "lines": {"K562": {"unit": "Δ"}}, "settings": {"folds": 5}}


def table(rows: list[dict]) -> pd.DataFrame:
    plain = {
        "line": "K562",
        "embedding": "text",
        "model": "gp",
        "train_size": 100,
        "fold": 0,
        "repeat": 0,
        "perturbation": "A",
        "metric": "pearson_all",
        "value": 0.0,
    }
    return pd.DataFrame([{**plain, **row} for row in rows], columns=list(COLUMNS))


def test_a_summary_worked_by_hand():
    rows = [
        # Fold 0: two perturbations, two repeats: (0.2 + 0.4 + 0.3 + 0.5) / 4 = 0.35.
        {"fold": 0, "repeat": 0, "perturbation": "A", "value": 0.2},
        {"fold": 0, "repeat": 0, "perturbation": "B", "value": 0.4},
        {"fold": 0, "repeat": 1, "perturbation": "A", "value": 0.3},
        {"fold": 0, "repeat": 1, "perturbation": "B", "value": 0.5},
        # Fold 1: one of two is not defined: 0.65.
        {"fold": 1, "repeat": 0, "perturbation": "C", "value": 0.65},
        {"fold": 1, "repeat": 0, "perturbation": "D", "value": np.nan},
        # Fold 2: 0.5.
        {"fold": 2, "repeat": 0, "perturbation": "E", "value": 0.5},
    ]
    summary = summarise(table(rows))
    assert len(summary) == 1
    found = summary.iloc[0]
    # Mean of 0.35, 0.65 and 0.5; their standard deviation is 0.15.
    assert found["mean"] == pytest.approx(0.5)
    assert found["se"] == pytest.approx(0.15 / np.sqrt(3))
    assert found["ci95"] == pytest.approx(1.96 * 0.15 / np.sqrt(3))
    assert (found["folds"], found["perturbations"], found["undefined"]) == (3, 5, 1)


def test_repeats_of_a_fold_count_once():
    rows = [
        {"fold": fold, "repeat": repeat, "perturbation": f"P{fold}", "value": 0.1 * fold}
        for fold in range(4)
        for repeat in range(25)
    ]
    once = table([row for row in rows if row["repeat"] == 0])
    compared = ["mean", "se", "ci95", "folds", "perturbations"]
    pd.testing.assert_frame_equal(summarise(table(rows))[compared], summarise(once)[compared])


@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(st.integers(0, 10**6), st.integers(1, 4), st.booleans())
def test_summaries_agree_with_numpy_cell_by_cell(seed, folds, as_categories):
    rng = np.random.default_rng(seed)
    rows = [
        {"line": line, "model": model, "train_size": size, "fold": fold, "metric": metric,
         "perturbation": f"{fold}-{p}",
         "value": rng.normal() if rng.random() < 0.8 else np.nan}
        for line in ("K562", "RPE1")
        for model in ("gp", "mean")
        for size in (50, 100)
        for fold in range(folds)
        for metric in ("pearson_all", "mae_all")
        for p in range(3)
    ]  # fmt: skip
    data = table(rows).sample(frac=1, random_state=seed)
    if as_categories:
        data = data.astype(dict.fromkeys(["line", "embedding", "model", "metric"], "category"))
    summary = summarise(data)
    assert len(summary) == 16
    for found in summary.to_dict("records"):
        means, values = [], []
        for fold in range(folds):
            of_fold = [
                r["value"] for r in rows if r["fold"] == fold
                and all(r[c] == found[c] for c in ("line", "model", "train_size", "metric"))
            ]  # fmt: skip
            values += of_fold
            defined = [v for v in of_fold if not np.isnan(v)]
            if defined:
                means.append(sum(defined) / len(defined))
        assert found["undefined"] == np.isnan(values).sum()
        assert found["folds"] == len(means)
        np.testing.assert_allclose(found["mean"], np.mean(means) if means else np.nan)
        error = np.std(means, ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
        np.testing.assert_allclose(found["se"], error, atol=1e-12)


def test_the_error_of_a_single_fold_is_unknown_not_zero():
    summary = summarise(table([{"value": 0.3}, {"perturbation": "B", "value": 0.5}]))
    assert summary["mean"][0] == pytest.approx(0.4)
    assert np.isnan(summary["se"][0])
    assert np.isnan(summary["ci95"][0])
    assert summary["folds"][0] == 1


def test_cells_that_are_never_defined_are_kept_and_counted():
    summary = summarise(table([{"fold": fold, "value": np.nan} for fold in range(3)]))
    assert np.isnan(summary["mean"][0])
    assert (summary["folds"][0], summary["undefined"][0]) == (0, 3)


def test_an_empty_table_has_an_empty_summary():
    summary = summarise(table([{}]).iloc[:0])
    assert summary.empty
    assert {"mean", "se", "ci95", "folds", "perturbations", "undefined"} <= set(summary.columns)


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "new" / "results.parquet"
    data = table([{"value": 0.25}, {"perturbation": "Ä-β", "value": np.nan}])
    data = data.astype({"line": "category", "perturbation": "category"})
    Results(data, ABOUT).write(path)
    again = Results.read(str(path))
    pd.testing.assert_frame_equal(again.table, data)
    assert again.about == ABOUT
    assert again.simulated
    assert not Results(data).simulated
    # Others can read it without llmpert.
    assert list(pq.read_table(path).to_pandas().columns) == list(COLUMNS)


def test_a_table_from_elsewhere_needs_no_notes(tmp_path):
    data = table([{"value": 0.25}])
    data.to_parquet(tmp_path / "r.parquet")
    assert Results.read(tmp_path / "r.parquet").about == {}


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "r.parquet"
    Results(table([{"value": 0.25}]), ABOUT).write(path)
    with pytest.raises(TypeError):
        Results(table([{}]), {"not JSON": object()}).write(path)
    assert Results.read(path).table["value"][0] == 0.25
    assert len(list(tmp_path.iterdir())) == 1


def bad_files(folder):
    """Name -> file that is no table of results, and what the message says."""
    whole = table([{}])
    write_table(whole, folder / "good.parquet", {"about": json.dumps(ABOUT)})
    content = (folder / "good.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(content[:-20])
    (folder / "empty.parquet").write_bytes(b"")
    (folder / "text.parquet").write_text("line,model\n")
    write_table(whole.drop(columns=["metric", "fold"]), folder / "less.parquet", {})
    write_table(whole.assign(value="high"), folder / "words.parquet", {})
    write_table(whole, folder / "notes.parquet", {"about": "{"})
    return {
        "missing.parquet": "no such file",
        **dict.fromkeys(("cut.parquet", "empty.parquet", "text.parquet"), "a Parquet table"),
        "less.parquet": "none named fold, metric",
        "words.parquet": "others in value",
        "notes.parquet": "JSON in the note",
    }


@pytest.mark.parametrize(
    "name",
    ["missing", "cut", "empty", "text", "less", "words", "notes"],
)
def test_files_that_are_no_results_are_named_in_a_sentence(tmp_path, name):
    message = bad_files(tmp_path)[f"{name}.parquet"]
    with pytest.raises(InputError, match=message) as caught:
        Results.read(tmp_path / f"{name}.parquet")
    assert str(caught.value).startswith(str(tmp_path / f"{name}.parquet"))


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="found a folder"):
        Results.read(tmp_path)


def test_metadata_of_ones_own_stands_beside_pandas(tmp_path):
    write_table(table([{}]), tmp_path / "a.parquet", {"about": "{}"})
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert set(schema.metadata) == {b"pandas", b"about"}
    assert pa.types.is_floating(schema.field("value").type)


def summary(*cells: tuple[str, int]) -> pd.DataFrame:
    """Scores of a model on embeddings at training sizes."""
    return summarise(table([{"embedding": e, "train_size": size} for e, size in cells]))


@given(
    st.sets(st.tuples(st.sampled_from("ABC"), st.integers(2, 60)), max_size=12),
    st.sets(st.integers(2, 60), min_size=1, max_size=4),
)
def test_rows_at_sizes_are_the_nearest_within_a_tenth(cells, sizes):
    found = at_sizes(summary(*sorted(cells)), sorted(sizes))

    def counts_as(size):
        near = [one for one in sorted(sizes) if abs(size - one) <= one / 10]
        return min(near, key=lambda one: abs(size - one), default=None)

    groups = {}
    for embedding, size in cells:
        if counts_as(size) is not None:
            groups.setdefault((embedding, counts_as(size)), []).append(size)
    expected = {
        (embedding, size)
        for (embedding, at), near in groups.items()
        for size in near
        if abs(size - at) == min(abs(one - at) for one in near)
    }
    assert set(zip(found["embedding"], found["train_size"], strict=True)) == expected


def test_summarised_results_come_back_as_they_were_saved(tmp_path):
    saved = ResultsSummary(summary(("text", 100), ("text", 95), ("go", 40)), ABOUT)
    saved.save(tmp_path / "results.parquet")
    found = ResultsSummary.load(tmp_path / "results.parquet")
    pd.testing.assert_frame_equal(found.table, saved.table)
    assert found.about == ABOUT
    assert (found.models, found.embeddings, found.sizes) == (["gp"], ["text", "go"], [40, 100])


@pytest.mark.parametrize(
    ("change", "about", "said"),
    [
        (lambda t: t.drop(columns="mean"), {"version": 1}, "none named mean"),
        (lambda t: t[:0], {"version": 1}, "at least one model"),
        (lambda t: t.assign(mean="x"), {"version": 1}, "others in mean"),
        (lambda t: t, {}, "found format None"),
        (lambda t: t, {"version": 2}, "a newer llmpert wrote it"),
        (lambda t: t, {"version": 1, "notes": ["<b>"]}, "without <"),
    ],
)
def test_summarised_results_that_cannot_be_used_are_named(tmp_path, change, about, said):
    path = tmp_path / "results.parquet"
    write_table(change(summary(("text", 100))), path, {"about": json.dumps(about)})
    with pytest.raises(InputError, match=said) as refused:
        ResultsSummary.load(path)
    assert str(refused.value).startswith(str(path))
