import pandas as pd

from llmpert.evaluation.metrics import registry
from llmpert.evaluation.tables import published, table1

METRICS = list(registry().values())


def test_published_values_are_the_papers():
    values = published().set_index(["model", "embedding", "metric"])["value"]
    assert values["gp-paper", "text+sequence", "pearson_top20"] == 0.412
    assert values["gears", "none", "mae_all"] == 0.068
    assert len(values) == 6 * len(METRICS)
    assert set(published()["metric"]) == set(registry())


def test_computed_and_published_stand_side_by_side():
    summary = pd.DataFrame(
        [
            {"line": "L", "embedding": e, "model": m, "train_size": 10, "metric": "pearson_all",
             "mean": mean, "se": se}
            for m, e, mean, se in (
                ("mean", "none", 0.25, 0.011),
                ("gp", "text", float("nan"), float("nan")),
                ("gp", "other", 0.5, float("nan")),
            )
        ]
    )  # fmt: skip
    table = table1(summary, "L", 10, METRICS)
    all_genes = registry()["pearson_all"].label
    assert table.loc["Non-control mean", (all_genes, "computed")] == "0.250 ± 0.011"
    assert table.loc["Non-control mean", (all_genes, "published")] == "0.264"
    assert table.loc["Gaussian process, text", (all_genes, "computed")] == "not defined"
    assert table.loc["Gaussian process, other", (all_genes, "computed")] == "0.500"
    assert table.loc["Gaussian process, other", (all_genes, "published")] == "–"
    assert table.loc["GEARS", (all_genes, "computed")] == "–"
    assert list(table.index)[:3] == ["Random perturbation", "Non-control mean", "GEARS"]
