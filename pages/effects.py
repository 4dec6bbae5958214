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
gene = page.choose_measured_gene(selection.experiment.problem.screen)
page.show_effects(selection, gene)
