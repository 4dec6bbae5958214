"""Can I trust the intervals?: coverage, and accuracy where the least certain are dropped."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.intervals import show_intervals

selection = select("Can I trust the intervals?", trained=True)
show.heading(
    "See what intervals held of measurements that the model had not seen, and whether its most"
    " certain predictions are its best.",
    selection.data,
)
show_intervals(selection)
