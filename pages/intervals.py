"""Can I trust the intervals?: coverage, and accuracy where the least certain are dropped."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.intervals import show_intervals

selection = select("Can I trust the intervals?", trained=True)
show.heading(
    "See what share of held-out measurements lies inside the intervals, and whether the most"
    " certain predictions are the best.",
    selection.data,
)
show_intervals(selection)
