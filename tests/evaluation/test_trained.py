"""A trained model as a file: the same predictions, and sentences for whatever is wrong with it."""

import io
import json
import pickle
import re
import zipfile
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.evaluation import trained as module
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.trained import TrainedModel, reconstruction
from llmpert.insight.training import train
from llmpert.models.distribution import WIDTH_LEVELS
from tests.support import small

SOURCES = (small.embedding("text"), small.embedding("sequence", seed=4))
TABLE = small.gene_table({"KD003": "OLD3", "KD041": "OLD41"})
CELLS = np.random.default_rng(5).integers(20, 900, 40)
SCREEN = replace(small.screen(), cells=CELLS, control_mean=np.linspace(0, 3, 30))


def make(screen=SCREEN, sources=SOURCES, components=None, **options) -> TrainedModel:
    problem = Problem.align(screen, sources, TABLE)
    return train(Experiment(problem, Settings(n_hvgs=30, **options)), components)


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return make()


@pytest.fixture(scope="module")
def stored(model, tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("trained") / "model.llmpert"
    model.save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def least(tmp_path_factory) -> bytes:
    """A file of as few bytes as there can be."""
    path = tmp_path_factory.mktemp("least") / "model.llmpert"
    make(small.screen(perturbations=12, genes=5), SOURCES[:1], 1, folds=2).save(path)
    return path.read_bytes()


@pytest.fixture
def load(tmp_path):
    """Loads bytes as a model."""
    path = tmp_path / "model.llmpert"

    def load(content: bytes, *sources, table=TABLE) -> TrainedModel:
        path.write_bytes(content)
        return TrainedModel.load(path, sources or SOURCES, table)

    return load


def refused(sentence: str = ""):
    """Expects a sentence that names the file."""
    return pytest.raises(InputError, match=rf"model\.llmpert: .*{re.escape(sentence)}")


@cache
def arrays_of(content: bytes) -> dict[str, np.ndarray]:
    return dict(np.load(io.BytesIO(content), allow_pickle=False))


def changed(content: bytes, **changes) -> bytes:
    """A file with other arrays (None: without) and the digest that fits them."""
    arrays = arrays_of(content) | changes
    arrays = {k: v for k, v in arrays.items() if v is not None and k != "digest"}
    out = io.BytesIO()
    np.savez(out, digest=module._digest(arrays), **arrays)
    return out.getvalue()


def with_header(content: bytes, **changes) -> bytes:
    header = json.loads(np.load(io.BytesIO(content))["header"].tobytes()) | changes
    return changed(content, header=np.frombuffer(json.dumps(header).encode(), np.uint8))


GENES = ["KD041", "KD003", "KD017", "KD044"]


@pytest.mark.parametrize(
    ("sources", "screen", "components"),
    [
        (SOURCES, SCREEN, None),
        (SOURCES, small.screen(), 2),
        (SOURCES[:1], SCREEN, 2),
        (SOURCES[:1], small.screen(), None),
    ],
)
def test_the_file_predicts_what_the_model_in_memory_does(
    sources, screen, components, load, tmp_path
):
    made = make(screen, sources, components)
    made.save(tmp_path / "one.llmpert")
    read = load((tmp_path / "one.llmpert").read_bytes(), *sources)
    first, second = made.predict(GENES), read.predict(GENES)
    np.testing.assert_allclose(second.mean, first.mean, atol=1e-6)
    np.testing.assert_allclose(second.std, first.std, rtol=1e-6)
    for level in (0.5, 0.95):
        np.testing.assert_allclose(
            second.interval(level), first.interval(level), rtol=1e-5, atol=1e-6
        )
    assert read.components == made.components <= (components or 100)


def as_version_1(content: bytes, intervals: np.ndarray) -> bytes:
    """As an earlier llmpert wrote it, whose intervals were symmetric."""
    gone = dict.fromkeys(("departures", "places", "outcomes", "standardised"))
    return with_header(changed(content, **gone, intervals=intervals), version=1)


def test_an_earlier_file_keeps_its_symmetric_intervals(stored, load):
    read = load(as_version_1(stored, 3 * WIDTH_LEVELS))
    expected = load(stored).predict(GENES)
    found = read.predict(GENES)
    np.testing.assert_array_equal(found.mean, expected.mean)
    low, high = found.interval(0.9)
    np.testing.assert_allclose(high - found.mean, 2.7 * found.std, rtol=1e-5)
    np.testing.assert_allclose(found.mean - low, 2.7 * found.std, rtol=1e-5)
    for spoilt in (-WIDTH_LEVELS, WIDTH_LEVELS[1:], np.full(99, np.nan)):
        with refused("numbers that a fit gives as intervals"):
            load(as_version_1(stored, spoilt))


def test_all_else_comes_back(model, stored, load):
    read = load(stored)
    assert (read.line, read.unit, read.simulated) == ("LineA", "Δ expression", False)
    assert read.fitted.genes.tolist() == SCREEN.genes.tolist()
    assert read.fitted.trained_on.tolist() == SCREEN.perturbations.tolist()
    np.testing.assert_array_equal(read.cells, CELLS)
    np.testing.assert_array_equal(read.control_mean, SCREEN.control_mean)
    for name in ("left_out", "accuracy", "reconstructed", "signs"):
        first, second = getattr(model, name), getattr(read, name)
        np.testing.assert_array_equal(first, second)
        assert list(second.index) == list(SCREEN.perturbations)
    assert list(read.signs) == list(model.signs)
    assert list(read.outcomes) == list(model.outcomes)
    assert list(read.outcomes["perturbation"]) == list(SCREEN.perturbations)
    np.testing.assert_allclose(
        read.outcomes.iloc[:, 1:].to_numpy(float), model.outcomes.iloc[:, 1:], rtol=6e-4
    )
    assert read.provenance == model.provenance
    assert read.provenance["screen"]["source"] == "made for a test"
    assert read.provenance["embeddings"]["text"] == {"source": "made for a test"}


def test_a_gene_outside_is_predicted_by_the_fit_and_one_inside_without_itself(model):
    fitted = model.fitted
    found = model.predict(["OLD41", "OLD3", "KD003"])
    np.testing.assert_array_equal(found.mean[0], fitted.predict(["KD041"]).mean[0])
    errors, std = fitted.model.leave_one_out(slice(3, 4), of_typical=True)
    for row in (1, 2):
        np.testing.assert_allclose(found.mean[row], SCREEN.response[3] - errors[0], atol=1e-6)
        np.testing.assert_allclose(found.std[row], std[0], rtol=1e-6)
    assert not np.allclose(found.mean[2], fitted.predict(["KD003"]).mean[0])


def test_the_model_behind_a_training_perturbation_has_not_its_response(model):
    for gene in ("OLD3", "KD003", "KD017"):
        behind, name = model.behind(gene), gene.replace("OLD3", "KD003")
        assert set(model.fitted.trained_on) - set(behind.trained_on) == {name}
        found, expected = behind.predict([gene]), model.predict([gene])
        np.testing.assert_allclose(found.mean, expected.mean, atol=1e-6)
        np.testing.assert_allclose(found.std, expected.std, rtol=1e-5)
    assert model.behind("KD041") is model.fitted


def test_what_can_be_reconstructed_is_what_the_arrays_span(stored):
    """By least squares on all that a file has of the responses, mean and axes."""
    made = make(components=2)
    arrays = made.fitted.model.arrays()
    rest = (SCREEN.response - arrays["mean"]).T.astype(np.float64)
    rest -= arrays["axes"] @ np.linalg.lstsq(arrays["axes"], rest, rcond=None)[0]
    expected = 1 - rest.var(axis=0) / SCREEN.response.var(axis=1) - (
        rest.mean(axis=0) ** 2 / SCREEN.response.var(axis=1)
    )  # fmt: skip
    np.testing.assert_allclose(made.reconstructed, expected, atol=1e-5)
    np.testing.assert_allclose(SCREEN.response - rest.T, reconstruction(made.fitted), atol=1e-5)
    more = make(components=3)
    assert (more.reconstructed >= made.reconstructed - 1e-6).all()


def test_the_screen_is_not_in_the_file(stored):
    """No array is as large as the responses and equals them, whatever its name."""
    arrays = np.load(io.BytesIO(stored))
    for name in arrays.files:
        if arrays[name].shape == SCREEN.response.shape:
            assert not np.allclose(arrays[name], SCREEN.response, atol=0.1), name


def test_responses_without_signal_make_no_file():
    with pytest.raises(InputError, match="LineA found no signal in the responses"):
        make(replace(SCREEN, response=np.zeros((40, 30))))


def test_an_embedding_is_known_by_its_content_and_not_by_its_name(stored, model, load):
    renamed = [replace(SOURCES[1], name="proteins"), replace(SOURCES[0], name="words")]
    read = load(stored, *renamed)
    assert read.fitted.known.embedding_name == "text+sequence"
    np.testing.assert_array_equal(
        read.predict(["KD041"]).mean, load(stored).predict(["KD041"]).mean
    )


def test_another_embedding_is_refused(stored, load):
    other = small.embedding("text", seed=8)
    expected = rf"the embedding text .*{SOURCES[0].fingerprint}.*found text \({other.fingerprint}\)"
    with pytest.raises(InputError, match=expected):
        load(stored, other)
    with pytest.raises(InputError, match=r"embedding sequence that .*, found text"):
        load(stored, SOURCES[0])


def test_a_gene_that_cannot_be_predicted_gets_a_sentence(model):
    with pytest.raises(InputError, match="NOGENE"):
        model.predict(["NOGENE"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": "something"}, "expected a model trained by llmpert, found no mark of it"),
        ({"version": 3}, "a newer llmpert wrote it: update llmpert, or train it again"),
        ({"version": "x"}, "trained model format 2, found format x; train it again"),
        ({"kernel": "matern"}, "expected the kernel rbf, found 'matern'"),
        ({"sources": []}, "expected at least one embedding, found none"),
        ({"sources": "text"}, "embeddings by name and fingerprint"),
        ({"sources": [["text", "0"], ["text", "0"]]}, "every embedding once"),
        ({"sources": [["text", "0"], ["sequence", 5]]}, "(fingerprint '0')"),
        ({"line": "<b>"}, "cell line and unit"),
        ({"unit": 7}, None),
        ({"signs": 5}, "a list of signs"),
        ({"signs": ["one"]}, "numbers as signs"),
        ({"signs": [{}, []]}, "."),
        ({"bounds": 1}, "two numbers as bounds"),
        ({"bounds": [0, "1"]}, "two numbers as bounds"),
        ({"bounds": [1, 0]}, "a lower and a higher number"),
        ({"bounds": [None, float("nan")]}, "."),
        ({"bounds": [0, 10**400]}, "."),
        ({"provenance": "x"}, "remarks as a JSON object"),
        ({"provenance": {"notes": "x"}}, "a list of texts as notes"),
    ],
)  # fmt: skip
def test_a_header_of_another_kind_gets_a_sentence(changes, sentence, stored, load):
    content = with_header(stored, **changes)
    if sentence is None:
        assert load(content).unit == "7"
        return
    with refused(sentence):
        load(content)


def ways_to_spoil(values: np.ndarray) -> dict[str, np.ndarray | None]:
    """Other arrays under the name of one."""
    ways = {"gone": None, "another shape": values[None], "one number": np.array(1.0)}
    if values.dtype.kind == "f":
        ways |= {"not finite": np.full_like(values, np.inf), "huge": values * 0 + 2e38}
        ways |= {"whole numbers": np.zeros(values.shape, int), "negative": -1 - np.abs(values)}
        ways |= {"text": values.astype(str), "complex": values.astype(complex)}
    if values.dtype.kind == "U":
        ways |= {"repeated": values.copy(), "numbers": np.arange(values.size)}
        ways["repeated"][...] = values.flat[0]
        ways["markup"] = np.full(values.shape, "<script>")
    return ways


FREE = ("mean", "axes", "scores", "inputs", "control_mean", "cells", "signs", "accuracy",
        "left_out", "reconstructed", "source_0_axes", "source_0_mean", "source_1_axes",
        "source_1_mean", "held_out")  # fmt: skip
"""Arrays whose numbers may be negative."""


def test_arrays_that_no_fit_gives_get_a_sentence(stored, load):
    arrays = dict(np.load(io.BytesIO(stored)))
    del arrays["header"], arrays["digest"]
    for name, values in arrays.items():
        for way, others in ways_to_spoil(values).items():
            fine = way == "negative" and name in FREE
            if fine or (way == "gone" and name in (*module.OPTIONAL, module.OUTCOMES)):
                continue
            with refused():
                load(changed(stored, **{name: others}))
    for header in (np.zeros(3), None, np.zeros(40, np.uint8)):
        with refused():
            load(changed(stored, header=header))


def test_other_content_under_the_same_digest_is_refused(stored, load):
    arrays = dict(np.load(io.BytesIO(stored)))
    arrays["mean"] = arrays["mean"] + 1
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    with pytest.raises(InputError, match="not what was written"):
        load(out.getvalue())


def test_python_objects_are_not_unpickled(stored, load, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(stored)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            new.writestr(info, old.read(info))
        with new.open("more.npy", "w") as file:
            np.lib.format.write_array(file, np.array([Bomb()], dtype=object), allow_pickle=True)
    for content in (out.getvalue(), pickle.dumps(Bomb())):
        with refused():
            load(content)
    assert not (tmp_path / "executed").exists()


def test_every_cut_gets_a_sentence(least, load):
    load(least, SOURCES[0])
    # The list of what is inside is at the end: before it, one cut is like the next.
    for end in (*range(0, len(least) - 1000, 13), *range(len(least) - 1000, len(least))):
        with refused():
            load(least[:end], SOURCES[0])
    for start in range(1, 400, 3):
        with refused():
            load(least[start:], SOURCES[0])


@settings(max_examples=3 * settings().max_examples, derandomize=True)
@given(data=st.data())
def test_damaged_bytes_get_a_sentence_or_say_the_same(least, data, tmp_path_factory):
    content = bytearray(least)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "flipped.llmpert"
    path.write_bytes(content)
    try:
        found = TrainedModel.load(path, SOURCES, TABLE).predict(["KD041"])
    except InputError:
        return
    path.write_bytes(least)
    expected = TrainedModel.load(path, SOURCES, TABLE).predict(["KD041"])
    np.testing.assert_array_equal(found.mean, expected.mean)
    np.testing.assert_array_equal(found.std, expected.std)


def test_a_folder_and_a_missing_file_get_a_sentence(tmp_path):
    for path, found in ((tmp_path, "a folder"), (tmp_path / "none.llmpert", "no such file")):
        with pytest.raises(InputError, match=found):
            TrainedModel.load(path)
