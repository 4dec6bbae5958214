import numpy as np
import pandas as pd

from tests.support import small


def test_report_prints_findings_and_writes_the_knockdowns(run, files):
    code, said, _ = run("report", "--screen", "screen.h5ad", "--out", "knockdowns.csv")
    assert code == 0
    lines = said.splitlines()
    assert lines[0].startswith("Report card of LineA: ")
    assert sum(line.startswith("  ") and not line.startswith("   ") for line in lines) == 7
    table = pd.read_csv("knockdowns.csv")
    assert list(table["perturbation"]) == list(small.screen().perturbations)
    sizes = np.sqrt(np.square(small.screen().response, dtype=float).mean(axis=1))
    assert np.allclose(table["size"], sizes)
    assert set(table["line"]) == {"LineA"}


def test_import_says_what_is_to_be_looked_at_and_report_the_same_of_the_data_set(run, files):
    small.screen(cells=np.full(40, 5.0)).save(files / "few.h5ad")
    _, said, _ = run("import", "--name", "mine", "--screen", "few.h5ad",
                     "--embedding", "text=text.parquet")  # fmt: skip
    (serious,) = [line for line in said.splitlines() if "✗" in line]
    assert "Cells" in serious
    assert "✓" not in said
    code, whole, _ = run("report", "--data", "mine")
    assert code == 0
    assert serious in whole.splitlines()


def test_report_wants_one_source(run, files):
    assert run("report")[0] == 2
    assert run("report", "--data", "mine", "--screen", "screen.h5ad")[0] == 2
