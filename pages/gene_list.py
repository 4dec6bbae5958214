"""A list of genes: their predicted responses side by side."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.gene_list import show_gene_list

selection = select("A list of genes", trained=True)
show.heading(
    "Compare the responses to knocking down each gene of a list: what they share, and which of them"
    " stands apart.",
    selection.data,
)
show_gene_list(selection)
