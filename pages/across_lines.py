"""Across lines: what a knockdown does in each line, and where lines disagree."""

from llmpert.ui.across_lines import show_lines
from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select

selection = select("Across lines", trained=True)
show.heading(
    "See what a knockdown does in each line, and on which knockdowns two lines disagree beyond"
    " noise.",
    selection.data,
)
show_lines(selection)
