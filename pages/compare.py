"""Two predictions side by side: genes, lines, models or embeddings."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.compare import show_comparison

selection = select("Compare", model=True, trained=True)
show.heading(
    "Two predictions on common axes, and the genes on which they disagree. Predictions never saw"
    " the measurement that is drawn beside them.",
    selection.data,
)
show_comparison(selection)
