"""The other direction: which knockdowns change one measured gene."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.effects import view as page

selection = select(model=True)
show.heading(
    "What changes a gene?",
    "Which knockdowns raise or lower the expression of one gene: as measured, and as predicted by"
    " models that did not see the knockdown.",
    selection.data,
)
screen = selection.experiment.problem.screen
gene = page.choose_measured_gene(screen)
choice = page.choose_view(selection.model)
table = page.table_of(selection, screen, gene, choice.unseen)
show.name_tab(f"What changes {gene} in {selection.line}?")
page.show_effects(selection, gene, table, choice)
