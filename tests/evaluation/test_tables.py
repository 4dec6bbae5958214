import pandas as pd

from llmpert.evaluation.scores import paper
from llmpert.evaluation.tables import best, published, table1

METRICS = list(paper().values())


def test_published_values_are_the_papers():
    values = published().set_index(["model", "embedding", "metric"])["value"]
    assert values["gp-paper", "text+sequence", "pearson_top20"] == 0.412
    assert values["GEARS", "none", "mae_all"] == 0.068
    assert len(values) == 6 * len(METRICS)
    assert set(published()["metric"]) == set(paper())


ALL_GENES = paper()["pearson_all"].label


def summary(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    """Model, embedding, mean and standard error of one metric."""
    return pd.DataFrame(
        [
            {"line": "L", "embedding": e, "model": m, "train_size": 10, "metric": "pearson_all",
             "mean": mean, "se": se}
            for m, e, mean, se in rows
        ]
    )  # fmt: skip


OURS = summary(
    ("mean", "none", 0.25, 0.011),
    ("no-change", "none", float("nan"), float("nan")),
    ("gp", "text", float("nan"), float("nan")),
    ("gp", "other", 0.5, float("nan")),
    ("ridge", "text", 0.3, 0.0001),
)


def test_computed_and_published_stand_side_by_side():
    table = table1(OURS, "L", 10, METRICS, [published()])
    assert table.loc["Non-control mean", (ALL_GENES, "computed")] == "0.250 ± 0.011"
    assert table.loc["Non-control mean", (ALL_GENES, "published")] == "0.264"
    assert table.loc["No change", (ALL_GENES, "computed")] == "not defined"
    assert table.loc["Gaussian process, text", (ALL_GENES, "computed")] == "not defined"
    assert table.loc["Gaussian process, other", (ALL_GENES, "computed")] == "0.500"
    assert table.loc["Gaussian process, other", (ALL_GENES, "published")] == "–"
    assert table.loc["Ridge regression, text", (ALL_GENES, "computed")] == "0.300 ± <0.001"
    assert list(table.index)[:4] == [
        "Random perturbation",
        "No change",
        "Non-control mean",
        "GEARS",
    ]


def test_gears_has_its_published_values_where_nobody_ran_it():
    table = table1(OURS, "L", 10, METRICS, [published()])
    assert table.loc["GEARS", (ALL_GENES, "computed")] == "–"
    assert table.loc["GEARS", (ALL_GENES, "published")] == "0.202"


def test_a_method_run_elsewhere_has_one_row_beside_its_published_values():
    ran = summary(("GEARS", "none", 0.123, 0.004), ("Example", "none", 0.4, 0.01))
    table = table1(pd.concat([OURS, ran]), "L", 10, METRICS, [published()])
    assert list(table.loc["GEARS", ALL_GENES]) == ["0.123 ± 0.004", "0.202"]
    assert list(table.loc["Example", ALL_GENES]) == ["0.400 ± 0.010", "–"]
    assert list(table.index)[3:5] == ["GEARS", "Example"]
    assert not table.index.duplicated().any()


def test_imported_values_are_published_ones_and_shown_as_their_mean():
    imported = pd.DataFrame(
        {
            "model": ["GEARS (published)"] * 4,
            "embedding": ["none"] * 4,
            "metric": ["pearson_all"] * 3 + ["pearson_top20"],
            "value": [0.3, float("nan"), 0.3912, float("nan")],
        }
    )
    table = table1(OURS, "L", 10, METRICS, [published(), imported])
    row = table.loc["GEARS (published)"]
    assert list(row[ALL_GENES]) == ["–", "0.346"]
    assert list(row[paper()["pearson_top20"].label]) == ["–", "not defined"]
    assert list(row[paper()["mae_all"].label]) == ["–", "–"]
    without = table1(OURS, "L", 10, METRICS, [published()])
    assert table1(OURS, "L", 10, METRICS, [published(), imported[:0]]).equals(without)
    assert table.loc["GEARS", (ALL_GENES, "published")] == "0.202"


def test_without_published_values_there_is_no_column_of_them():
    table = table1(OURS, "L", 10, METRICS[1:2])
    assert list(table.columns) == [(ALL_GENES, "computed")]
    assert len(table) == len(OURS)


def test_the_best_is_the_highest_or_lowest_mean_that_is_defined():
    errors = OURS.assign(metric="mae_all")
    found = best(pd.concat([OURS, errors]), "L", 10, METRICS)
    assert found == {
        "Pearson, all genes": ("Gaussian process, other", 0.5),
        "MAE, all genes": ("Non-control mean", 0.25),
    }
    assert best(OURS, "L", 1000, METRICS) == {}
