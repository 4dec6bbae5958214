"""Maps of perturbations, their neighbours, and what closeness in an embedding means."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.explorer import explore

selection = select("Explorer", trained=True)
alike = "" if selection.trained else ", and do those respond alike"
show.heading(
    f"Which genes do the embeddings put near each other{alike}? Click a dot, or draw around some,"
    " to list them.",
    selection.data,
)
explore(selection)
