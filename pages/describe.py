"""A gene that no embedding has, described in words."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.describe import show_described

selection = select("Describe a gene", embedding=False, trained=True)
show.heading(
    "Predict the response to knocking down a gene from a description: a new transcript, another"
    " species' gene, a protein known by its domains.",
    selection.data,
)
show_described(selection)
