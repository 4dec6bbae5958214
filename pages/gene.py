"""One gene: its predicted response, whether to believe it, and what it rests on."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.gene.view import show_gene

selection = select(trained=True)
show.heading(
    "Gene",
    "How would the cell's expression respond to knocking down this gene? The prediction never saw"
    " the gene's own measurement.",
    selection.data,
)
show_gene(selection)
