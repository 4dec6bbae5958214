"""`import --predictions`: predictions and published results of methods that were run elsewhere."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmpert.datasets import DatasetStore
from llmpert.embeddings import save_embedding
from tests.support import small
from tests.support.command_lines import IMPORT, replaced
from tests.support.external_predictions import predictions, without

TABLE = """perturbation,method,metric,value
KD001,GEARS,pearson_top20,0.5
KD002,Scouter,mae_all,0.5
ELSEWHERE,GEARS,pearson_top20,0.5
"""


@pytest.fixture
def results(files):
    Path("gears.csv").write_text(TABLE)


def kept(name="mine"):
    folder = DatasetStore().folder(name)
    files = (p.relative_to(folder) for p in folder.rglob("*.*") if p.is_file())
    return sorted("/".join(file.parts[1:]) for file in files)  # below a folder an addition


def test_published_results_come_with_an_import_or_after_it(run, results):
    code, out, _ = run(*IMPORT, "--predictions", "LineA=gears.csv")
    assert code == 0
    assert (
        "LineA: published pearson_top20, mae_all of GEARS, Scouter, 3 perturbations, 2 of them in"
        " the screen\n  1 not in the screen: ELSEWHERE\n"
    ) in out
    found = DatasetStore().load("mine").published
    assert list(found) == ["LineA"]
    assert found["LineA"].perturbations == ["ELSEWHERE", "KD001", "KD002"]
    before = DatasetStore().fingerprint("mine")
    Path("gears.csv").write_text(TABLE.replace("0.5", "0.75"))
    code, _, _ = run("import", "--name", "mine", "--predictions", "LineA=gears.csv")
    assert code == 0
    assert set(DatasetStore().load("mine").published["LineA"].table["value"]) == {0.75}
    assert DatasetStore().fingerprint("mine") != before


def test_each_line_has_its_own(run, results):
    small.place("mine", [small.screen("LineA"), small.screen("LineB")], [small.embedding()])
    pd.read_csv("gears.csv").assign(method="biolord").to_parquet("other.parquet")
    line = ("--predictions", "LineA=gears.csv", "--predictions", "LineB=other.parquet")
    code, _, _ = run("import", "--name", "mine", *line)
    assert code == 0
    found = DatasetStore().load("mine").published
    assert {line: list(p.table["method"].unique()) for line, p in found.items()} == {
        "LineA": ["GEARS", "Scouter"], "LineB": ["biolord"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        (TABLE.replace("0.5", "5"), "LineA", "gears.csv: expected correlations from -1 to 1"),
        (TABLE.replace("KD", "X"), "LineA", "gears.csv: expected results of some perturbations of"),
        (TABLE, "HeLa", "gears.csv: expected results of a cell line with a screen (LineA), found"),
        (TABLE, "no/line", "found no/line."),
    ],
)
def test_nothing_is_written_where_published_results_cannot_be_used(run, results, table, line, said):
    Path("gears.csv").write_text(table)
    code, out, err = run(*IMPORT, "--predictions", f"{line}=gears.csv")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("Error: gears.csv: ")
    assert said in err
    assert not DatasetStore().folder("mine").exists()


def test_nothing_is_written_where_something_else_cannot_be_used(run, results):
    published = ("--predictions", "LineA=gears.csv")
    code, _, _ = run(*replaced(IMPORT, "text=text.parquet", "text=gone.parquet"), *published)
    assert code == 1
    assert not DatasetStore().folder("mine").exists()
    small.place("mine", [small.screen()], [small.embedding()])
    before = kept()
    code, _, err = run("import", "--name", "mine", *published, "--gene-sets", "gone.gmt")
    assert code == 1
    assert "gone.gmt" in err
    assert kept() == before


def test_results_before_any_screen_are_one_line(run, results):
    code, _, err = run("import", "--name", "new", "--predictions", "LineA=gears.csv")
    assert code == 1
    assert "a cell line with a screen (there is none), found LineA" in err
    assert not DatasetStore().folder("new").exists()


def test_a_line_without_a_file_or_given_twice_is_a_usage_error(run, results):
    code, _, err = run(*IMPORT, "--predictions", "gears.csv")
    assert code == 2
    assert "such as K562=gears.h5ad, found 'gears.csv'" in err
    twice = ("--predictions", "LineA=gears.csv") * 2
    code, _, err = run(*IMPORT, *twice)
    assert code == 1
    assert "gears.csv: expected published results of another cell line, found LineA a second" in err
    assert not DatasetStore().folder("mine").exists()


GEARS = ("--predictions", "LineA=gears.h5ad")


@pytest.fixture
def made(files):
    """Predictions of every perturbation, in reverse order, and of one that nobody knows."""
    whole = predictions(small.screen())
    rows = [*range(40)][::-1]
    whole = replace(
        whole,
        perturbations=["ELSEWHERE", *whole.perturbations[rows]],
        delta=whole.delta[[0, *rows]],
        fold=["0", *whole.fold[rows]],
    )
    whole.save("gears.h5ad")
    return whole


def test_predictions_come_with_an_import_under_the_screens_names(run, made):
    code, out, _ = run(*IMPORT, *GEARS)
    assert code == 0
    assert (
        "LineA: predictions of GEARS for 40 of the 40 perturbations that models are tested on, by 3"
        " models, each trained on 26 or more others\n"
        "  1 more perturbations are not in the screen\n"
    ) in out
    (found,) = DatasetStore().load("mine").external["LineA"]
    assert list(found.perturbations) == small.names("KD", 40)
    np.testing.assert_array_equal(found.delta, made.delta[:0:-1])
    assert found.about == {"command": "made for a test"}


def test_predictions_come_after_an_import_beside_published_results(run, made, results):
    assert run(*IMPORT)[0] == 0
    before = DatasetStore().fingerprint("mine")
    code, out, _ = run("import", "--name", "mine", *GEARS, "--predictions", "LineA=gears.csv")
    assert code == 0
    assert "predictions of GEARS" in out
    assert "published pearson_top20" in out
    assert DatasetStore().fingerprint("mine") != before
    data = DatasetStore().load("mine")
    assert list(data.external) == list(data.published) == ["LineA"]


def test_methods_and_training_sizes_stand_side_by_side_and_the_same_is_replaced(run, files):
    screen = small.screen()
    several = {
        "a": predictions(screen, "A/B (tuned)"),
        "b": predictions(screen, "A/B (tuned)", train_size=10),
        "c": predictions(screen, "A B tuned"),
    }
    for name, one in several.items():
        one.save(f"{name}.h5ad")
    given = [part for name in several for part in ("--predictions", f"LineA={name}.h5ad")]
    assert run(*IMPORT, *given)[0] == 0
    replace(several["b"], delta=several["b"].delta + 1).save("b.h5ad")
    assert run("import", "--name", "mine", "--predictions", "LineA=b.h5ad")[0] == 0
    found = DatasetStore().load("mine").external["LineA"]
    assert [(p.method, p.train_size) for p in found] == [
        ("A B tuned", 26), ("A/B (tuned)", 10), ("A/B (tuned)", 26),
    ]  # fmt: skip
    np.testing.assert_array_equal(found[1].delta, several["b"].delta + 1)
    np.testing.assert_array_equal(found[2].delta, several["a"].delta)
    code, _, err = run("import", "--name", "mine", *given[:2], *given[:2])
    assert code == 1
    assert "a.h5ad: expected predictions of another method, line or training size" in err


def test_predictions_may_leave_out_some_where_it_is_said(run, made):
    without(made, "KD003", "KD004").save("gears.h5ad")
    code, _, err = run(*IMPORT, *GEARS)
    assert code == 1
    assert "gears.h5ad: expected predictions of all 40 perturbations of LineA" in err
    assert "--allow-missing), found 2 of them missing: KD003, KD004." in err
    assert not DatasetStore().folder("mine").exists()
    code, out, _ = run(*IMPORT, *GEARS, "--allow-missing")
    assert code == 0
    assert "for 38 of the 40" in out
    assert "  2 not predicted: KD003, KD004\n" in out


def test_what_has_no_embedding_need_not_be_predicted(run, made):
    without(made, "KD036").save("gears.h5ad")
    code, out, _ = run(*replaced(IMPORT, "text=text.parquet", "sequence=sequence.parquet"), *GEARS)
    assert code == 0
    assert "for 35 of the 35" in out


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"line": "HeLa"}, "predictions of LineA, found predictions of HeLa"),
        ({"unit": "counts"}, "the unit of the screen, Δ expression, found counts"),
        ({"genes": small.names("X", 30)}, "a gene of the screen (OUT000, "),
        ({"genes": [*small.names("OUT", 29), "X"]}, "1 of them missing: OUT029"),
        ({"trained_on": {f: small.names("KD", 40) for f in "012"}}, "fold 0 was trained on: "),
        ({"fold": ["7"] * 41}, "fold 7, which is not there"),
    ],
)
def test_predictions_that_do_not_fit_change_nothing(run, made, changed, said):
    class Unchecked(type(made)):
        def _check(self):
            pass

    Unchecked(**{**vars(made), **changed}).save("gears.h5ad")
    for before in ((), kept):
        if before:
            assert run(*IMPORT)[0] == 0
        files = kept() if DatasetStore().folder("mine").exists() else []
        code, out, err = run(*(IMPORT[:3] if before else IMPORT), *GEARS)
        assert (code, out) == (1, "")
        assert err.splitlines()[-1].startswith("Error: gears.h5ad: expected ")
        assert said in err
        assert (kept() if DatasetStore().folder("mine").exists() else []) == files


def test_predictions_need_a_screen_and_an_embedding(run, made):
    code, _, err = run("import", "--name", "new", *GEARS)
    assert code == 1
    assert "predictions of a cell line with a screen (there is none), found LineA" in err
    code, _, err = run("import", "--name", "new", "--screen", "screen.h5ad", *GEARS)
    assert code == 1
    assert "gears.h5ad: expected a data set with an embedding" in err
    assert not DatasetStore().folder("new").exists()


def test_another_screen_is_refused_where_kept_predictions_do_not_fit_it(run, made):
    assert run(*IMPORT, *GEARS)[0] == 0
    before = kept()
    replace(small.screen(), unit="counts").save(Path("screen.h5ad"))
    code, _, err = run(*IMPORT)
    assert code == 1
    assert "LineA-GEARS-26-" in err
    assert "the unit of the screen, counts, found Δ expression" in err
    assert kept() == before
    assert DatasetStore().load("mine").screens["LineA"].unit == "Δ expression"
    # With predictions that do fit, both are taken.
    replace(made, unit="counts").save("gears.h5ad")
    assert run(*IMPORT, *GEARS)[0] == 0
    assert kept() == before
    # More genes with an embedding, so more perturbations are tested: told where they are missing.
    save_embedding(small.embedding(genes=50), Path("text.parquet"))
    assert run(*IMPORT)[0] == 0
