"""Start: a gene to type, and what can be asked."""

from llmpert.ui.common.selection import Selection, choose_dataset
from llmpert.ui.start import show_start

show_start(Selection.first(choose_dataset()))
