"""From single cells to a screen, in bounded memory whatever the size of the file."""

from llmpert.screens.cells.pseudobulk import plan, plan_if_cells, pseudobulk

__all__ = ["plan", "plan_if_cells", "pseudobulk"]
