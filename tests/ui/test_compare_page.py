"""The page Compare without a browser."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.support import small

APP = str(Path(__file__).resolve().parents[2] / "app.py")
PAGE = "pages/compare.py"


def start(lines=("LineA", "LineB"), sources=("text", "sequence")):
    small.share(
        "mine",
        [small.screen(line, seed=seed) for seed, line in enumerate(lines)],
        [small.embedding(source, seed=seed + 5) for seed, source in enumerate(sources)],
    )
    return AppTest.from_file(APP, default_timeout=120)


@pytest.fixture
def app():
    return start()


def shown(app: AppTest) -> str:
    blocks = [*app.title, *app.subheader, *app.markdown, *app.caption, *app.warning, *app.info]
    return "\n".join(block.value for block in blocks)


def disagreement(app: AppTest):
    """The table of all genes, whose tab has to be opened."""
    assert not app.dataframe
    app.session_state["part"] = "All genes"
    return app.run().dataframe[-1].value


def test_the_first_view_compares_two_different_genes(app):
    app.switch_page(PAGE).run()
    assert not app.exception
    one, other = (app.text_input(key=key).value for key in ("gene", "other_gene"))
    assert one != other
    assert f"{one} against {other}" in shown(app)
    assert "√(sd_A² + sd_B²)" in shown(app)
    table = disagreement(app)
    assert list(table.columns) == [
        "gene", one, other, "difference", "disagreement", f"{one}, measured", f"{other}, measured",
    ]  # fmt: skip
    assert table["disagreement"].is_monotonic_decreasing


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ("Lines", "LineA against LineB"),
        ("Models", "Gaussian process against Gaussian process (paper)"),
        ("Embeddings", "text against sequence"),
    ],
)
def test_what_differs_is_followed(app, differs, said):
    app.query_params["differs"] = differs
    app.query_params["gene"] = "KD007"
    app.switch_page(PAGE).run()
    assert not app.exception
    assert said in shown(app)
    assert "KD007 knockdown in LineA" in shown(app)
    # With lines, each side has a measurement of its own.
    measured = [name for name in disagreement(app).columns if name.endswith("measured")]
    assert len(measured) == (2 if differs == "Lines" else 1)


def test_a_model_without_deviations_is_compared_by_the_plain_difference(app):
    app.query_params["differs"] = "Models"
    app.query_params["other_model"] = "Linear regression"
    app.switch_page(PAGE).run()
    assert "Gaussian process against Linear regression" in shown(app)
    assert "at least one of the two models gives no standard deviation" in shown(app)
    table = disagreement(app)
    assert (table["disagreement"] == table["difference"].abs()).all()


def test_a_gene_that_was_not_measured_is_said_to_be(app):
    app.query_params["other_gene"] = "KD044"
    app.switch_page(PAGE).run()
    assert not app.exception
    assert "**Not measured**: KD044 in LineA" in shown(app)
    assert list(app.table[0].value.iloc[1, 1:]) == ["not measured"] * 4
    assert "KD044, measured" not in disagreement(app).columns


def test_a_gene_against_itself_is_said(app):
    app.query_params["gene"] = "KD003"
    app.query_params["other_gene"] = "KD003"
    app.switch_page(PAGE).run()
    assert "Both sides are the same" in shown(app)


def test_an_unknown_second_gene_gets_suggestions_of_its_own(app):
    app.query_params["gene"] = "KD003"
    app.query_params["other_gene"] = "KD01"
    app.switch_page(PAGE).run()
    assert "KD01" in app.warning[0].value
    button = next(b for b in app.button if b.label == "KD011")
    button.click().run()
    assert "KD003 against KD011" in shown(app)


def test_only_what_there_are_two_of_is_offered():
    app = start(lines=["LineA"], sources=["text"])
    app.switch_page(PAGE).run()
    assert not app.exception
    assert "This data set does not have two lines or embeddings to compare." in shown(app)


def test_nonsense_in_the_address_does_no_harm(app):
    app.query_params["differs"] = "planets"
    app.query_params["model"] = "GPT-9"
    app.query_params["order"] = "%00"
    app.switch_page(PAGE).run()
    assert not app.exception
    assert not app.error
    told = [toast.value for toast in app.toast]
    assert len(told) == 3
    assert "“planets” in the address is no choice for *Compare two*" in told[1]
    assert "*Genes* is shown" in told[1]
    app.run()
    assert not app.toast  # once


def test_an_address_may_have_any_case_and_is_short(app):
    app.query_params["line"] = "lineb"
    app.query_params["differs"] = "LINES"
    app.query_params["order"] = "largest DISAGREEMENT"
    app.query_params["part"] = "all GENES"
    app.switch_page(PAGE).run()
    assert not app.toast
    assert app.selectbox(key="line").value == "LineB"
    assert app.button_group(key="differs").value == "lines"
    assert app.button_group(key="order").value == "disagreement"
    assert app.session_state["part"] == "All genes"
    assert app.query_params["line"] == "LineB"
    app.button_group(key="differs").set_value("genes").run()
    assert "differs" not in app.query_params
    app.button_group(key="differs").set_value("lines").run()
    assert app.query_params["differs"] == "lines"
    assert app.selectbox(key="line").value == "LineB"
