"""Plan a screen: which genes to knock down next."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.design import show_plan

selection = select("Plan a screen", trained=True)
show.heading(
    "Find the knockdowns that would leave the least uncertainty about all others, by the model so"
    " far.",
    selection.data,
)
show_plan(selection)
