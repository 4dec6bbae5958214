"""From single cells to a screen, in bounded memory whatever the size of the file."""

from llmpert.screens.cells.layout import Layout
from llmpert.screens.cells.pseudobulk import Plan, plan, plan_if_cells, pseudobulk

__all__ = ["Layout", "Plan", "plan", "plan_if_cells", "pseudobulk"]
