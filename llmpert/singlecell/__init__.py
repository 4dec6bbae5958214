"""From single cells to a screen, in bounded memory whatever the size of the file."""

from llmpert.singlecell.layout import Layout
from llmpert.singlecell.prepare import Plan, plan, prepare

__all__ = ["Layout", "Plan", "plan", "prepare"]
