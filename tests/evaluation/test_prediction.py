import numpy as np
import pytest

from llmpert.errors import InputError
from llmpert.evaluation.prediction import Prediction
from llmpert.models.intervals import LEVELS


@pytest.fixture
def prediction() -> Prediction:
    mean = np.arange(6, dtype=np.float32).reshape(2, 3)
    names = np.array(["A", "B"], dtype=object), np.array(["X", "Y", "Z"], dtype=object)
    intervals = 2 * LEVELS
    return Prediction(*names, mean, np.broadcast_to(np.float32([[0.5], [1.5]]), (2, 3)), intervals)


def test_a_row_is_one_perturbation(prediction):
    row = prediction.row("B")
    assert row.perturbations.tolist() == ["B"]
    assert row.genes.tolist() == ["X", "Y", "Z"]
    assert row.mean.tolist() == [[3, 4, 5]]
    assert row.std.tolist() == [[1.5, 1.5, 1.5]]
    with pytest.raises(InputError, match="no prediction for C"):
        prediction.row("C")


def test_the_table_has_a_row_a_perturbation_and_gene(prediction):
    table = prediction.table()
    assert table.columns.tolist() == ["perturbation", "gene", "mean", "sd", "low95", "high95"]
    assert table.loc[4, ["perturbation", "gene", "mean", "sd"]].tolist() == ["B", "Y", 4, 1.5]
    assert table.loc[4, ["low95", "high95"]].tolist() == pytest.approx([4 - 2.85, 4 + 2.85])
    assert len(table) == 6


def test_models_without_deviation_leave_it_missing(prediction):
    plain = Prediction(prediction.perturbations, prediction.genes, prediction.mean, None)
    assert plain.table()[["sd", "low95", "high95"]].isna().all(axis=None)
    assert plain.half_width(0.8) is None
    assert plain.row("A").std is None


def test_a_file_is_read_back_and_replaced_whole(prediction, tmp_path):
    path = tmp_path / "p.npz"
    prediction.save(path)
    prediction.row("B").save(path)
    again = Prediction.load(path)
    assert again.table().equals(prediction.row("B").table())
    assert [p.name for p in tmp_path.iterdir()] == ["p.npz"]


def test_a_half_width_is_a_multiple_of_the_deviation(prediction):
    np.testing.assert_allclose(prediction.half_width(0.8), 1.6 * prediction.std)
    np.testing.assert_allclose(prediction.row("B").half_width(0.5), [[1.5, 1.5, 1.5]])
