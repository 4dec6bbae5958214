"""Maps of perturbations, their neighbours, and what closeness in an embedding means."""

from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.explorer import view as page

selection = select()
show.heading(
    "Explorer",
    "Which genes do the embeddings put near each other, and do those respond alike? Click a dot, or"
    " draw around some, to list them.",
    selection.data,
)
sets = cache.gene_sets(selection.data, selection.line, "perturbations")
table = page.facts(page.problem_of(selection), sets)
view = page.choose_view(selection, table, sets)
names = page.show_map(view, table, sets)
page.show_selected(view, table, sets, names)
page.show_nearest(view)
page.show_closeness(selection)
