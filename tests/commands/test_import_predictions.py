from pathlib import Path

import pandas as pd
import pytest
import small
from lines import IMPORT, replaced

from llmpert import datasets

TABLE = """perturbation,method,metric,value
KD001,GEARS,pearson_top20,0.5
KD002,Scouter,mae_all,0.5
ELSEWHERE,GEARS,pearson_top20,0.5
"""


@pytest.fixture
def results(files):
    Path("gears.csv").write_text(TABLE)


def kept(name="mine"):
    folder = datasets.folder(name)
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_published_results_come_with_an_import_or_after_it(run, results):
    code, out, _ = run(*IMPORT, "--published", "LineA=gears.csv")
    assert code == 0
    assert (
        "LineA: published pearson_top20, mae_all of GEARS, Scouter, 3 perturbations, 2 of them in"
        " the screen\n  1 not in the screen: ELSEWHERE\n"
    ) in out
    found = datasets.load("mine").published
    assert list(found) == ["LineA"]
    assert found["LineA"].perturbations == ["ELSEWHERE", "KD001", "KD002"]
    before = datasets.stamp("mine")
    Path("gears.csv").write_text(TABLE.replace("0.5", "0.75"))
    code, _, _ = run("import", "--name", "mine", "--published", "LineA=gears.csv")
    assert code == 0
    assert set(datasets.load("mine").published["LineA"].table["value"]) == {0.75}
    assert datasets.stamp("mine") > before


def test_each_line_has_its_own(run, results):
    datasets.add("mine", [small.screen("LineA"), small.screen("LineB")], [small.embedding()])
    pd.read_csv("gears.csv").assign(method="biolord").to_parquet("other.parquet")
    line = ("--published", "LineA=gears.csv", "--published", "LineB=other.parquet")
    code, _, _ = run("import", "--name", "mine", *line)
    assert code == 0
    found = datasets.load("mine").published
    assert {line: p.methods for line, p in found.items()} == {
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
    code, out, err = run(*IMPORT, "--published", f"{line}=gears.csv")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("Error: gears.csv: ")
    assert said in err
    assert not datasets.folder("mine").exists()


def test_nothing_is_written_where_something_else_cannot_be_used(run, results):
    published = ("--published", "LineA=gears.csv")
    code, _, _ = run(*replaced(IMPORT, "text=text.parquet", "text=gone.parquet"), *published)
    assert code == 1
    assert not datasets.folder("mine").exists()
    datasets.add("mine", [small.screen()], [small.embedding()])
    before = kept()
    code, _, err = run("import", "--name", "mine", *published, "--gene-sets", "gone.gmt")
    assert code == 1
    assert "gone.gmt" in err
    assert kept() == before


def test_results_before_any_screen_are_one_line(run, results):
    code, _, err = run("import", "--name", "new", "--published", "LineA=gears.csv")
    assert code == 1
    assert "a cell line with a screen (there is none), found LineA" in err
    assert not datasets.folder("new").exists()


def test_a_line_without_a_file_or_given_twice_is_a_usage_error(run, results):
    code, _, err = run(*IMPORT, "--published", "gears.csv")
    assert code == 2
    assert "such as K562=gears.csv.gz, found 'gears.csv'" in err
    twice = ("--published", "LineA=gears.csv") * 2
    code, _, err = run(*IMPORT, *twice)
    assert code == 2
    assert "found 'LineA' twice" in err
