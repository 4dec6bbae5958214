"""The other direction: which knockdowns change one measured gene."""

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.effects import show_effects

selection = select("What changes a gene?", model=True, trained=True)
show.heading(
    f"Which knockdowns raise {'' if selection.raised_only else 'or lower '}the expression of one"
    " gene: as measured, and as predicted by models not trained on the knockdown.",
    selection.data,
)
show_effects(selection)
