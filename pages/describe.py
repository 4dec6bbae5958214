"""A gene that no embedding has, described in words."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.describe import show_described

selection = select("Describe a gene", embedding=False, trained=True)
show.heading(
    "How would the cell's expression respond to knocking down a gene that only a text tells of: a"
    " new transcript, another species' gene, a protein by its domains?",
    selection.data,
)
show_described(selection)
