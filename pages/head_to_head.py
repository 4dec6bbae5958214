"""Figure 3: any two methods against each other, one dot a perturbation."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.head_to_head import show_methods

selection = select("Head to head", embedding=False)
show.heading(
    "Compare two methods on the same held-out knockdowns, one dot each. Above the diagonal, the"
    " first method has the higher value. Click a dot to open its gene.",
    selection.data,
)
show_methods(selection)
