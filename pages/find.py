"""Find a knockdown: which one gives a state, or reverses it."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.find import show_search

selection = select("Find a knockdown", trained=True)
show.heading(
    "Give the genes that a state raises"
    f"{'' if selection.raised_only else ' and lowers'}. See which knockdowns cause it"
    f"{'' if selection.raised_only else ' or reverse it'}: those of this screen and, as predicted,"
    " of every other gene.",
    selection.data,
)
show_search(selection)
