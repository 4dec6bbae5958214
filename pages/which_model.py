"""Every model by every score, and any two of them against each other."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.which_model import show_models

selection = select("Which model is best?", embedding=False, results=True)
show.heading(
    "See which model is best, by which score. One score is not enough: a model can win by one and"
    " lose by another.",
    selection.data,
)
show_models(selection)
