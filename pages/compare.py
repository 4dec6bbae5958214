"""Two predictions side by side: genes, lines, models or embeddings."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.compare import show_comparison

selection = select("Compare", model=True, trained=True)
show.heading(
    "Compare two predictions gene by gene, and see where they disagree. Neither model was trained"
    " on the measurement beside them.",
    selection.data,
)
show_comparison(selection)
