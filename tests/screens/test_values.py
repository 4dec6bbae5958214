"""What the numbers of a table are: evidence decides, and where it cannot, the owner is asked."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmpert.errors import InputError, Question
from llmpert.screens import read_screen

RNG = np.random.default_rng(0)
TARGETS = [f"FICT{number}" for number in range(20)]
DELTA = pd.DataFrame(RNG.normal(0, 0.3, (20, 12)), TARGETS, [f"G{k}" for k in range(12)])
LEVEL = RNG.uniform(2, 5, 12)


def written(folder: Path, frame: pd.DataFrame, *control: np.ndarray | float) -> Path:
    """Write a table with control rows."""
    rows = [pd.DataFrame([np.broadcast_to(x, 12)], ["control"], frame.columns) for x in control]
    path = folder / "k562_x.csv"
    pd.concat([*rows, frame]).to_csv(path)
    return path


def test_means_become_differences_where_the_control_row_shares_their_level(tmp_path: Path) -> None:
    screen = read_screen(written(tmp_path, DELTA + LEVEL, LEVEL + 0.1, LEVEL - 0.1))
    np.testing.assert_allclose(screen.response, DELTA, atol=1e-6)
    (step,) = screen.provenance["steps"]
    assert step.startswith("Subtracted the mean of 2 control row(s)")


def test_differences_stay_where_the_control_row_is_near_0(tmp_path: Path) -> None:
    screen = read_screen(written(tmp_path, DELTA, 0.01))
    np.testing.assert_allclose(screen.response, DELTA, atol=1e-6)
    (step,) = screen.provenance["steps"]
    assert "near 0" in step


def test_standardised_means_are_centred_on_control(tmp_path: Path) -> None:
    both = pd.concat([pd.DataFrame([LEVEL], ["control"], DELTA.columns), DELTA + LEVEL])
    z = (both - both.mean()) / both.std() + 0.5
    path = tmp_path / "k562_z.csv"
    z.to_csv(path)
    np.testing.assert_allclose(
        read_screen(path).response, z.iloc[1:] - z.iloc[0].to_numpy(), atol=1e-5
    )


@pytest.mark.parametrize(("values", "taken"), [("differences", 0.0), ("means", 0.25)])
def test_a_control_row_that_is_neither_is_asked_about(
    tmp_path: Path, values: str, taken: float
) -> None:
    path = written(tmp_path, DELTA, 0.25)
    with pytest.raises(Question, match=r"--values: differences .*, means ") as asked:
        read_screen(path)
    assert asked.value.option == "values"
    assert list(asked.value.choices) == ["differences", "means"]
    screen = read_screen(path, values=values)
    np.testing.assert_allclose(screen.response, DELTA - taken, atol=1e-6)


def test_levels_without_a_control_row_are_no_differences(tmp_path: Path) -> None:
    path = written(tmp_path, DELTA + LEVEL)
    with pytest.raises(Question, match="perhaps mean expression, and no control row"):
        read_screen(path)
    np.testing.assert_allclose(
        read_screen(path, values="differences").response, DELTA + LEVEL, atol=1e-6
    )
    with pytest.raises(InputError, match="a row of controls"):
        read_screen(path, values="means")
    with pytest.raises(Question, match="perhaps ratios"):
        read_screen(written(tmp_path, 1 + 0.1 * DELTA))


def test_linear_means_are_to_be_logged_first(tmp_path: Path) -> None:
    path = written(tmp_path, np.exp(DELTA + LEVEL), np.exp(LEVEL))
    with pytest.raises(InputError, match="take their logarithm"):
        read_screen(path)


def test_differences_to_the_mean_perturbation_are_told(tmp_path: Path) -> None:
    screen = read_screen(written(tmp_path, DELTA - DELTA.mean()))
    assert any("not to control" in note for note in screen.provenance["notes"])


def test_only_a_known_answer_is_taken(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"one of differences, means, found 'counts'"):
        read_screen(written(tmp_path, DELTA), values="counts")


@pytest.mark.parametrize("name", ["n_cells", "num_cells_filtered", "cells"])
def test_a_column_of_cells_is_no_gene_and_weights_guides(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame(
        [[1.0, -1.0], [4.0, -4.0], [2.0, 0.5]], ["TP53_1", "TP53_2", "MYC"], ["ACTB", "B2M"]
    )
    frame[name] = [30, 60, 45]
    path = tmp_path / "k562.csv"
    frame.to_csv(path)
    screen = read_screen(path)
    assert screen.cells is not None
    assert dict(zip(screen.perturbations, screen.cells, strict=True)) == {"TP53": 90, "MYC": 45}
    np.testing.assert_allclose(screen.response, [[3, -3], [2, 0.5]])
    assert list(screen.genes) == ["ACTB", "B2M"]


@pytest.mark.parametrize(
    ("column", "values", "left_out"),
    [
        ("Unnamed: 0", [0, 1, 2, 3, 4], True),
        ("index", [9, 5, 1, 3, 7], True),
        ("entrez_id", [7157, 4609, 60, 567, 2597], True),
        ("oddity", [1000, 2000, 3000, 1500, 800], True),
        ("oddity", [0.5, -0.25, 0.125, 1, 2], False),
        ("oddity", [1000, -2000, 3000, 1500, 800], False),
        ("oddity", [0, 0, 0, 0, 1000], False),
        ("HLA-B", [1000, 2000, 3000, 1500, 800], False),
    ],
)
def test_columns_that_are_no_genes(
    tmp_path: Path, column: str, values: list[float], left_out: bool
) -> None:
    frame = DELTA.iloc[:5].set_axis(["TP53", "MYC", "GATA1", "KLF1", "BAK1"])
    path = tmp_path / "k562.csv"
    frame.assign(**{column: values}).to_csv(path)
    screen = read_screen(path)
    assert (column not in screen.genes) == left_out
    assert any(repr(column) in note for note in screen.provenance["notes"]) == left_out


def test_numbers_are_entrez_ids_only_where_nothing_else_could_be_meant(tmp_path: Path) -> None:
    path = tmp_path / "k562.csv"
    for ids in (range(20), range(1, 60, 3), [1, 2, 9, 10, 12, 13, 14, 15, 16, 18]):
        DELTA.iloc[: len(ids)].set_axis([str(x) for x in ids]).to_csv(path)
        with pytest.raises(InputError, match="perhaps row numbers or codes"):
            read_screen(path)
    entrez = ["7157", "4609", "2623", "10661", "578", "9968", "1025", "5430", "23476", "2033"]
    DELTA.iloc[:10].set_axis(entrez).to_csv(path)
    assert any("7157 is TP53" in note for note in read_screen(path).provenance["notes"])
    low = DELTA.iloc[:10].set_axis(["1", "2", "9", "10", "12", "13", "14", "15", "16", "18"])
    low.to_csv(path, index_label="entrez_id")
    assert any("'entrez_id'" in note for note in read_screen(path).provenance["notes"])


def test_a_measured_reporter_turns_no_table(tmp_path: Path) -> None:
    frame = DELTA.rename(columns={"G1": "eGFP", "G2": "lacZ"})
    frame.to_csv(tmp_path / "k562.csv")
    screen = read_screen(tmp_path / "k562.csv")
    assert list(screen.genes) == list(frame.columns)
    frame.T.assign(AAVS1=0.0).to_csv(tmp_path / "k562.csv")
    assert list(read_screen(tmp_path / "k562.csv").perturbations) == list(frame.index)


def test_rows_of_a_bulk_file_are_not_taken_for_perturbations(tmp_path: Path) -> None:
    path = tmp_path / "K562_bulk.csv"
    DELTA.set_axis([f"{k}_TP53_P1P2_ENSG{k:011}" for k in range(20)]).to_csv(path)
    with pytest.raises(InputError, match="Replogle"):
        read_screen(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("TP53,0.5,0.25\nMYC,-0.5,0.125\n", "the header is missing"),
        ("g,f,x\nTP53,ACTB,0.5\nTP53,B2M,1\nMYC,ACTB,2\nMYC,B2M,3\n", "perturbation, feature"),
        ("target,feature,lfc\nTP53,ACTB,1\nTP53,B2M,2\nMYC,ACTB,-3\n", "none for 25% of the"),
        ("target,feature,lfc\nA1,X,1\nA1,X,2\nA1,Y,3\nB1,X,1\n", "one row for each target"),
    ],
)
def test_tables_of_another_shape_are_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "k562.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_screen(path)


def test_utf_16_is_told(tmp_path: Path) -> None:
    path = tmp_path / "k562.csv"
    path.write_text("g,ACTB\nTP53,1\n", encoding="utf-16")
    with pytest.raises(InputError, match="UTF-16"):
        read_screen(path)
