"""Published results of GEARS, Scouter and biolord on the real screens."""

import pandas as pd
import pytest

from llmpert.__main__ import main
from llmpert.datasets import DatasetStore
from llmpert.evaluation.scores import registry
from llmpert.insight.head_to_head import Tally, effect_size, methods_of, pairs

pytestmark = pytest.mark.real


@pytest.mark.parametrize(("line", "prefix"), [("K562", "k562"), ("RPE1", "rpe1")])
def test_scouter_wins_as_often_as_plain_pandas_says(real_data, capsys, line, prefix):
    path = real_data / "peers" / f"{prefix}_scouter_gears_biolord.csv.gz"
    if not path.is_file():
        pytest.skip(f"{path.name} is not in {path.parent}")
    screen = real_data / f"{prefix}_rank_response.h5ad"
    text = real_data / "embeddings/text_genept_minilm.pickle"
    command = ["import", "--name", "real", "--screen", screen, "--embedding", f"text={text}"]
    assert main([str(part) for part in [*command, "--predictions", f"{line}={path}"]]) == 0
    assert "published pearson_top20 of GEARS, Scouter, biolord" in capsys.readouterr().out
    data = DatasetStore().load("real")
    perturbations = list(data.screens[line].perturbations)
    rows = data.published[line].within(perturbations).results()
    gears, scouter, _ = methods_of(rows)
    effect = effect_size(data.screens[line])
    table = pairs(rows, scouter, gears, registry()["pearson_top20"], effect)

    # By exact names alone, from the file: "1-PCC" is an error, so the smaller mean wins.
    plain = pd.read_csv(path)
    plain["gene"] = plain["condition"].str.removesuffix("+ctrl")
    error = plain.pivot_table(index="gene", columns="Method", values="1-PCC")
    error = error[["GEARS", "Scouter"]].reindex(perturbations).dropna()
    exact = table[table["perturbation"].isin(error.index)]
    assert len(error) == len(exact) > 250
    assert Tally.of(exact).share == pytest.approx((error["Scouter"] < error["GEARS"]).mean())
    # What names in the gene table add is little.
    assert len(error) <= len(table) < 1.05 * len(error)
