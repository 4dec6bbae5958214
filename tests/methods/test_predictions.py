"""The file of predictions made elsewhere: round trips, and every kind of bad file as a sentence."""

import json
import pickle
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from llmpert.errors import InputError
from llmpert.io.names import is_plain
from llmpert.methods.predictions import ExternalPredictions

FIELDS = {
    "method": "GEARS",
    "line": "K562",
    "unit": "Δ expression",
    "perturbations": ["MED1", "MED9", "TP53", "NA"],
    "genes": ["A", "B", "C"],
    "delta": np.arange(12).reshape(4, 3) / 7,
    "fold": ["0", "1", "0", "1"],
    "trained_on": {"0": ["MED9", "NA"], "1": ["MED1", "TP53", "KLF1"]},
    "about": {"versions": {"cell-gears": "0.1.2"}, "seconds": 60},
}

NAN = float("nan")


def made(**changed):
    return ExternalPredictions(**{**FIELDS, **changed})


def layout(**changed):
    """The documented file as its description says, made without the class."""
    parts = {
        "X": np.asarray(FIELDS["delta"], np.float32),
        "obs": pd.DataFrame({"fold": FIELDS["fold"]}, index=FIELDS["perturbations"]),
        "var": pd.DataFrame(index=FIELDS["genes"]),
    }
    uns = {key: FIELDS[key] for key in ("method", "line", "unit")}
    uns["trained_on"] = {k: np.array(v) for k, v in FIELDS["trained_on"].items()}
    for key, value in changed.items():
        (parts if key in parts else uns)[key] = value
    return anndata.AnnData(**parts, uns={k: v for k, v in uns.items() if v is not None})


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(data, line=None):
    data.write_h5ad("gears.h5ad")
    return ExternalPredictions.read("gears.h5ad", line)


def same(found, expected):
    assert (found.method, found.line, found.unit) == (
        expected.method, expected.line, expected.unit,
    )  # fmt: skip
    for name in ("perturbations", "genes", "fold"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert {type(value) for value in getattr(found, name)} == {str}
    np.testing.assert_array_equal(found.delta, expected.delta)
    assert found.delta.dtype == np.float32
    assert list(found.trained_on) == list(expected.trained_on)
    for fold, names in expected.trained_on.items():
        np.testing.assert_array_equal(found.trained_on[fold], names)
    assert found.about == expected.about


def test_what_is_saved_comes_back(tmp_path):
    path = tmp_path / "kept" / "gears.h5ad"
    made().save(path)
    found = ExternalPredictions.read(path)
    same(found, made())
    assert found.source == str(path)
    assert [p.name for p in path.parent.iterdir()] == ["gears.h5ad"]


def test_the_saved_file_has_the_documented_layout(tmp_path):
    made().save("gears.h5ad")
    data = anndata.read_h5ad("gears.h5ad")
    assert data.X.dtype == np.float32
    np.testing.assert_array_equal(data.X, np.asarray(FIELDS["delta"], np.float32))
    assert list(data.obs_names) == FIELDS["perturbations"]
    assert list(data.var_names) == FIELDS["genes"]
    assert list(data.obs["fold"]) == FIELDS["fold"]
    assert {k: list(v) for k, v in data.uns["trained_on"].items()} == FIELDS["trained_on"]
    assert [data.uns[k] for k in ("method", "line", "unit")] == ["GEARS", "K562", "Δ expression"]
    assert json.loads(data.uns["about"]) == FIELDS["about"]


@pytest.mark.parametrize("store", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_the_documented_layout_is_read(store):
    found = read(layout(X=store(np.asarray(FIELDS["delta"], np.float64))))
    same(found, made(about={}))


def test_a_gene_that_is_not_predicted_for_a_perturbation_is_missing_there():
    delta = np.array(FIELDS["delta"], np.float32)
    delta[1, 2] = np.nan
    made(delta=delta).save("gears.h5ad")
    np.testing.assert_array_equal(ExternalPredictions.read("gears.h5ad").delta, delta)


def test_numbered_and_categorical_folds_are_names():
    for folds in ([0, 1, 0, 1], pd.Categorical([0, 1, 0, 1]), pd.Categorical(list("0101"))):
        obs = pd.DataFrame({"fold": folds}, index=FIELDS["perturbations"])
        assert list(read(layout(obs=obs)).fold) == FIELDS["fold"]


def test_the_line_is_what_the_file_says_or_what_is_asked_for():
    assert read(layout(), "K562").line == "K562"
    assert read(layout(line=None), "RPE1").line == "RPE1"
    with pytest.raises(InputError, match=r"^gears\.h5ad: .* of RPE1, found predictions of K562\.$"):
        read(layout(), "RPE1")
    with pytest.raises(
        InputError, match=r"^gears\.h5ad: expected text that names the line .*uns\['line'\]"
    ):
        read(layout(line=None))


def test_the_training_size_is_the_smallest_of_the_folds():
    assert made().train_size == 2


def test_numbers_are_kept_from_change():
    given = np.array(FIELDS["delta"], np.float32)
    found = made(delta=given)
    given[0, 0] = 99
    assert found.delta[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        found.delta[0, 0] = 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fold": ["0", "0", "0", "1"]}, r"1 that fold 0 was trained on: MED9\.$"),
        ({"trained_on": {"0": ["X"], "1": ["NA", "MED9"]}}, "2 that fold 1 was trained on: MED9,"),
        ({"fold": ["0", "1", "2", "1"]}, "rows of fold 2, which is not there"),
        ({"trained_on": {"0": [], "1": ["MED1"]}}, "fold 0 was trained on, found none"),
        ({"fold": ["0", "a/b", "0", "0"], "trained_on": {"0": ["X"], "a/b": ["Y"]}}, "without /"),
        ({"fold": ["0"]}, "a fold for every perturbation, found 1 folds"),
        ({"delta": [[0, NAN, 1], [NAN] * 3, [0] * 3, [NAN] * 3]}, "none for 2 .*: MED9, NA"),
        ({"delta": [[0, 1, 1], [NAN, 0, -1e300], [0] * 3, [1] * 3]}, "infinite ones in 1 .*: MED9"),
        ({"delta": np.zeros((3, 4))}, r"4 perturbations x 3 genes.*\(3, 4\)"),
        ({"genes": ["A", "B", "A"]}, "every gene once, found 1 repeated: A"),
        ({"perturbations": ["MED1", "MED9", "MED1", "NA"]}, "every perturbation once.*MED1"),
        ({"method": " "}, "text that names the method .*, found none"),
        ({"unit": ""}, "text that names the unit .*, found none"),
        ({"method": "gp"}, "found 'gp'"),
        ({"method": "Gaussian process"}, "found 'Gaussian process'"),
        ({"method": "GEARS (published)"}, r"found 'GEARS \(published\)'"),
    ],
)
def test_what_cannot_count_as_held_out_predictions_is_a_sentence(changed, said):
    with pytest.raises(InputError, match=said):
        made(**changed)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"method": None}, r"text that names the method .*uns\['method'\]\), found none"),
        ({"unit": 3}, r"text that names the unit .*uns\['unit'\]"),
        ({"trained_on": None}, "'trained_on' in uns, found None"),
        ({"trained_on": np.array(["MED1"])}, "'trained_on' in uns, found array"),
        ({"trained_on": {"0": np.array([1, 3]), "1": np.array([0])}}, r"1.* in fold 0\.$"),
        ({"about": "not JSON"}, "JSON object as text under 'about' in uns, found .*Expecting"),
        ({"about": "[1]"}, "JSON object"),
        ({"about": 5}, "JSON object"),
        ({"obs": pd.DataFrame(index=FIELDS["perturbations"])}, "'fold' of obs"),
        ({"obs": pd.DataFrame({"fold": ["0", None, "0", "1"]}, index=list("abcd"))}, "'fold'"),
        ({"X": np.full((4, 3), True)}, "a matrix X of numbers"),
        ({"X": np.full((4, 3), np.inf, np.float32)}, "found infinite ones in 4"),
    ],
)
def test_what_a_file_lacks_is_a_sentence_that_names_it(changed, said):
    with pytest.raises(InputError, match=r"^gears\.h5ad: expected ") as caught:
        read(layout(**changed))
    caught.match(said)


def test_an_overlap_in_a_file_is_named_with_the_file():
    with pytest.raises(InputError, match=r"^gears\.h5ad: .*fold 1 was trained on: NA\.$"):
        read(layout(trained_on={"0": np.array(["X"]), "1": np.array(["NA"])}))


def test_other_files_are_refused():
    with pytest.raises(InputError, match=r"gone\.h5ad: expected a file, found no such file"):
        ExternalPredictions.read("gone.h5ad")
    made().save("whole.h5ad")
    Path("cut.h5ad").write_bytes(Path("whole.h5ad").read_bytes()[:3000])
    Path("table.h5ad").write_text("perturbation,gene\n")
    for name in ("cut.h5ad", "table.h5ad"):
        with pytest.raises(InputError, match=rf"^{name}: expected an AnnData file"):
            ExternalPredictions.read(name)


def test_nothing_is_unpickled():
    class Trap:
        def __reduce__(self):
            return Path("sprung").touch, ()

    Path("trap.h5ad").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match="not HDF5"):
        ExternalPredictions.read("trap.h5ad")
    with pytest.raises(InputError):
        read(layout(about=pickle.dumps(Trap(), protocol=0).decode()))
    assert not Path("sprung").exists()


@settings(max_examples=settings().max_examples // 3)
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 5)),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    st.data(),
)
def test_any_predictions_come_back(tmp_path_factory, delta, data):
    characters = st.characters(exclude_categories=("C", "Z"), exclude_characters="/")
    text = st.text(characters, min_size=1).filter(is_plain)
    rows, columns = delta.shape

    def names(count):
        return data.draw(st.lists(text, min_size=count, max_size=count, unique=True))

    perturbations, genes, folds = names(rows), names(columns), names(2)
    fold = data.draw(st.lists(st.sampled_from(folds), min_size=rows, max_size=rows))
    trained_on = {f: [p for p, of in zip(perturbations, fold, strict=True) if of != f] + ["§ other"]
                  for f in folds}  # fmt: skip
    predictions = made(
        perturbations=perturbations, genes=genes, delta=delta, fold=fold, trained_on=trained_on
    )
    path = tmp_path_factory.mktemp("any") / "any.h5ad"
    predictions.save(path)
    found = ExternalPredictions.read(path)
    np.testing.assert_array_equal(found.delta, delta)
    assert list(found.perturbations) == perturbations
    assert list(found.genes) == genes
    assert list(found.fold) == fold
    assert {k: list(v) for k, v in found.trained_on.items()} == trained_on
