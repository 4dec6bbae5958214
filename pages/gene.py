"""One gene: its predicted response, whether to believe it, and what it rests on."""

from llmpert.ui.common.selection import select
from llmpert.ui.gene.view import show_gene

show_gene(select(trained=True))
