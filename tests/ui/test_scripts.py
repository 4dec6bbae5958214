"""The lines that pages show beside a figure's numbers make these numbers."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import llmpert as lp
from llmpert.datasets import RANKS, DatasetStore, Parts, UploadStore
from llmpert.datasets.reading import File, embedding_in, screen_in
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.ui.common import figure
from tests.support import small
from tests.support.external_predictions import predictions

APP = str(Path(__file__).resolve().parents[2] / "app.py")
SCREENS = [small.screen("LineA"), small.screen("LineB", seed=3)]
SOURCES = [small.embedding("text"), small.embedding("sequence", seed=4)]


@pytest.fixture
def offered(monkeypatch) -> list[tuple[pd.DataFrame, str]]:
    """What visits offer to save: numbers as in the CSV, and the words about them."""
    found = []

    def note(name, file_name, numbers, words):
        found.append((pd.read_csv(StringIO(numbers().to_csv(index=False))), words))

    monkeypatch.setattr(figure, "_offer_files", note)
    return found


def visit(page: str, **query: str) -> list[str]:
    """The lines that a page shows."""
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params.update(query)
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    assert not app.error
    return [block.value for block in app.code if "import" in block.value]


def check(codes: list[str], offered: list[tuple[pd.DataFrame, str]]) -> None:
    """Run lines and hold what they make against the numbers beside them."""
    assert codes
    for code in codes:
        saved = [numbers for numbers, words in offered if words.endswith(code)]
        assert saved
        names: dict[str, pd.DataFrame] = {}
        exec(code, names)  # noqa: S102
        made = pd.read_csv(StringIO(names["table"].to_csv(index=False)))
        for numbers in saved:
            if "rival" in made:  # the page names the columns after the methods
                made = made.drop(columns="winner").set_axis(numbers.columns[:5], axis=1)
            common = [column for column in numbers if column in made]
            assert len(common) >= min(4, numbers.shape[1])
            ordered = [
                part[common].sort_values(common, ignore_index=True, key=lambda c: c.astype(str))
                for part in (numbers.round(9), made.round(9))
            ]
            pd.testing.assert_frame_equal(*ordered, rtol=1e-6)


@pytest.mark.parametrize(
    ("page", "query", "part"),
    [
        ("gene", {"gene": "KD007", "line": "LineB"}, "'gp', 32, 'KD007'"),
        ("gene", {"gene": "KD041"}, "'KD041'"),
        ("gene", {"gene": "KD007", "beyond": "0.25"}, "beyond=0.25"),
        ("gene", {"gene": "KD007", "against": "mean response"}, "mean_"),
        ("gene", {"gene": "KD041", "against": "mean response"}, "mean_"),
        ("gene", {"gene": "KD007", "tab": "Why"}, "attribute(fitted, 'KD007')"),
        ("gene", {"gene": "KD041", "tab": "Why", "against": "mean response"}, "leave_out("),
        ("effects", {"target": "OUT004", "embedding": "sequence"}, "'sequence'"),
        ("effects", {"target": "OUT004", "against": "mean response"}, "relative=True"),
        ("effects", {"target": "OUT004", "unseen": "true", "model": "Ridge regression"}, "'ridge'"),
        ("compare", {"gene": "KD007", "other_gene": "KD041"}, "'KD041'"),
        ("compare", {"gene": "KD007", "against": "mean response"}, "relative_to_mean("),
        ("compare", {"gene": "KD007", "other_gene": "KD041", "part": "In between"}, "between("),
        ("compare", {"gene": "KD007", "differs": "Models"}, "'gp-paper'"),
        ("compare", {"gene": "KD007", "differs": "Lines"}, "'LineB'"),
        ("compare", {"gene": "KD007", "differs": "Embeddings"}, "'sequence'"),
        ("explorer", {"gene": "KD007", "of": "sequence"}, "'sequence'"),
        ("explorer", {"gene": "KD007", "of": "measured responses"}, "screen.response"),
        ("intervals", {"line": "LineB"}, "kept(experiment, 'gp', 32, fold)"),
        ("find", {"line": "LineB", "like": "KD007"}, "library.signature_of('KD007')"),
        ("across_lines", {"gene": "KD007"}, "disagreements("),
        ("gene_list", {"genes": "KD001 KD002 KD041", "tab": "All numbers"}, "found.clustered(60)"),
        ("design", {"budget": "2", "effect": "true"}, "plan(ground, 2, effects="),
        ("explorer", {"gene": "KD007", "part": "Nearest"}, "(neighbours, "),
        ("explorer", {"gene": "KD007", "part": "Nearest", "kernel": "true"}, "'KD007'"),
        ("explorer", {"part": "Closeness"}, "closeness("),
        ("head_to_head", {"strongest": "30"}, "0.3"),
        ("learning_curves", {}, "'mean'"),
        ("model_classes", {"line": "LineB"}, "'LineB'"),
        ("table", {}, "(32, 1)"),
    ],
)
def test_they_make_the_numbers_of_the_page(offered, page, query, part):
    small.share("mine", SCREENS, SOURCES)
    codes = visit(page, data="mine", **query)
    assert part in "".join(codes)
    check(codes, offered)


def test_they_predict_a_gene_that_is_described(offered):
    names = (set(built_in(name).genes) for name in BUILT_IN)
    genes = sorted(set.intersection(*names))[:4000:100]
    sources = [built_in(name) for name in BUILT_IN]
    small.add("human", [replace(small.screen(), perturbations=np.array(genes))], sources)
    check(visit("describe", data="human"), offered)


def test_they_know_how_many_training_sets_there_are_of_a_size(offered):
    small.share("more", [small.screen("LineA", 150)], [small.embedding("text", 150)])
    codes = visit("learning_curves", data="more", models="Ridge regression")
    assert "[(100, 3), (120, 1)]" in "".join(codes)
    check(codes, offered)


@pytest.mark.parametrize("page", ["learning_curves", "model_classes", "table"])
def test_they_read_the_scores_that_come_along(offered, page):
    check(visit(page, data=RANKS, line="RPE1"), offered)


@pytest.mark.parametrize("page", ["gene", "effects", "compare", "explorer", "intervals", "find"])
def test_they_make_those_of_trained_models(offered, page):
    sources = [small.embedding("text", 120)]
    trained = [lp.train(small.screen("LineA", 110), *sources, components=3)]
    DatasetStore().add("shared", Parts(embeddings=sources, trained=trained))
    check(visit(page, data="shared", target="OUT004", unseen="true"), offered)


@pytest.mark.parametrize("page", ["gene", "effects", "table"])
def test_those_of_an_upload_name_its_files_and_not_its_address(
    offered, page, tmp_path, monkeypatch
):
    own = [tmp_path / "our K562.csv", tmp_path / "our model.csv"]
    for path, names, values in (
        (own[0], SCREENS[0].perturbations, SCREENS[0].response),
        (own[1], SOURCES[0].genes, SOURCES[0].vectors),
    ):
        columns = SCREENS[0].genes if path is own[0] else range(values.shape[1])
        pd.DataFrame(values, names, columns).to_csv(path)
    sent = [path.rename(tmp_path / f"upload-{at}.csv") for at, path in enumerate(own)]
    parts = Parts(
        [screen_in(File(sent[0], own[0].name))], [embedding_in(File(sent[1], own[1].name))]
    )
    name = UploadStore().create("mine", parts)
    codes = visit(page, data=name, target="OUT004")
    for path, uploaded in zip(own, sent, strict=True):
        uploaded.rename(path)
        assert all(path.name in code for code in codes)
    assert not any(name in code or "upload-" in code for code in codes)
    monkeypatch.chdir(tmp_path)
    check(codes, offered)


def test_there_are_none_for_what_was_made_elsewhere(offered):
    small.share("mine", SCREENS, SOURCES, external=[predictions(SCREENS[0], folds=5)])
    assert visit("effects", data="mine", target="OUT004", model="GEARS") == []
    assert any("GEARS" in words for _, words in offered)
