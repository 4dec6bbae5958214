"""From single cells to a screen, in bounded memory whatever the size of the file."""

from llmpert.screens.cells.layout import Layout, holds_cells
from llmpert.screens.cells.prepare import Plan, plan, prepare

__all__ = ["Layout", "Plan", "holds_cells", "plan", "prepare"]
