"""From single cells to a screen, in bounded memory whatever the size of the file."""

from llmpert.screens.cells.covariance import with_covariance
from llmpert.screens.cells.layout import holds_cells, why_no_cells
from llmpert.screens.cells.pseudobulk import plan, pseudobulk

__all__ = ["holds_cells", "plan", "pseudobulk", "why_no_cells", "with_covariance"]
