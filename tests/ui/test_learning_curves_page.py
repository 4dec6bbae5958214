"""Which models the learning curves show, and what stands beside them."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.support import small

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def app():
    small.share("mine", [small.screen("LineA")], [small.embedding("text")])
    return AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=120)


def drawn(app: AppTest) -> set[str]:
    """Names in the legend."""
    assert not app.exception
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    return {trace["name"] for trace in figure["data"] if trace.get("showlegend")}


def captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)


FIRST = {"Random perturbation", "Non-control mean", "Gaussian process, text"}


def test_a_few_models_are_drawn_at_first(app):
    app.switch_page("pages/learning_curves.py").run()
    assert drawn(app) == FIRST
    assert "Best of 3 methods in LineA with 32 training perturbations" in captions(app)
    assert "*Pearson, all genes*: Gaussian process" in captions(app)


def test_the_address_says_which_models_are_drawn(app):
    app.query_params["models"] = ["Ridge regression", "Linear on components"]
    app.switch_page("pages/learning_curves.py").run()
    assert drawn(app) == {"Ridge regression, text", "Linear on components, text"}


@pytest.mark.parametrize("value", ["GEARS", "../../etc/passwd", ""])
def test_models_that_are_not_there_are_not_asked_for(app, value):
    app.query_params["models"] = value
    app.switch_page("pages/learning_curves.py").run()
    assert drawn(app) == FIRST


def test_nothing_is_said_of_values_that_are_all_defined(app):
    app.query_params["models"] = ["Non-control mean"]
    app.switch_page("pages/learning_curves.py").run()
    assert drawn(app) == {"Non-control mean"}
    assert "not defined" not in captions(app)


def test_values_that_are_not_defined_are_counted_by_model(app):
    app.query_params["models"] = ["No change", "Non-control mean"]
    app.query_params["metrics"] = ["Pearson, all genes", "MAE, all genes"]
    app.switch_page("pages/learning_curves.py").run()
    assert drawn(app) == {"No change", "Non-control mean"}
    # Two correlations of 40 perturbations, at the one training size of these data.
    assert "are left out of the means: No change 80." in captions(app)


def test_the_progress_of_fits_is_not_shown_again():
    small.add("mine", [small.screen("LineA")], [small.embedding("text")])  # nothing is fitted yet
    app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=120)
    first = len(list(app.switch_page("pages/learning_curves.py").run().main))
    # Nor does it leave a place: all below would move, and lose its tie to the address.
    assert len(list(app.run().main)) == first
    assert not app.error
