"""The cell line of a file: stated in the file, or found in its name."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmpert.errors import InputError, Question
from llmpert.screens import read_screen
from llmpert.screens.names import choose_line, find_line, line_in_name, stated_line
from tests.support import small
from tests.support.single_cells import single_cells, written


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("HepG2_day7_x.csv", "HepG2"),
        ("hepg2_day7.csv.gz", "HEPG2"),
        ("jurkat.tsv", "JURKAT"),
        ("a/../b/HeLa S3_x.parquet", "HeLa S3"),
        ("essential_k562_bulk.h5ad", "K562"),
        ("rpe1.h5ad", "RPE1"),
        ("my_screen_lfc.csv", ""),
        ("my_jurkat_screen2.csv", "JURKAT"),
        ("screen1.csv", ""),
        ("_x.csv", ""),
        ("", ""),
    ],
)
def test_it_is_found_in_a_name(name: str, line: str) -> None:
    assert line_in_name(name) == line


def test_it_is_found_in_what_a_file_states() -> None:
    assert stated_line({"unit": "x", "line": "  ", "cell_line": " HeLa "}) == "HeLa"
    assert stated_line({"line": 3}) == ""
    obs = pd.DataFrame({"celltype": ["B", "A", None, "B"], "x": range(4)})
    with pytest.raises(Question, match=r"2 in the column 'celltype' \(B, A\)"):
        choose_line(Path("x.csv"), obs, None)
    line, rows, column = choose_line(Path("x.csv"), obs, "b")
    assert (line, column) == ("B", "celltype")
    assert list(rows) == [True, False, False, True]
    assert choose_line(Path("x.csv"), obs[::3], None) == ("B", None, "celltype")
    assert choose_line(Path("x.csv"), obs[["x"]], "B") == ("", None, "")


def test_what_is_stated_comes_before_a_default_and_the_name() -> None:
    path = Path("k562_x.csv")
    assert find_line(path, "HeLa", "RPE1") == "HeLa"
    assert find_line(path, "", "RPE1") == "RPE1"
    assert find_line(path, "", None) == "K562"
    assert find_line(Path("my_screen_lfc.csv"), "", None) == "my_screen_lfc"
    with pytest.raises(InputError, match="starts with the cell line"):
        find_line(Path("_.csv"), "", None)


@pytest.mark.parametrize("kind", ["saved", "table", "cells", "column"])
def test_every_reader_takes_the_line_that_the_file_states(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "k562_x.h5ad"
    if kind == "saved":
        small.screen("HeLa").save(path)
    elif kind == "table":
        data = small.screen().to_anndata()
        data.uns = {"cell_line": "HeLa"}
        data.write_h5ad(path)
    else:
        data = single_cells()
        if kind == "cells":
            data.uns["line"] = "HeLa"
        data.obs["cell_type"] = np.where(np.arange(data.n_obs) % 2 == 0, "HeLa", "HeLa ")
        written(path, data)
    assert read_screen(path, default_line="Jurkat").line == "HeLa"
    assert read_screen(path, "RPE1", default_line="Jurkat").line == "RPE1"
