"""The figures that a visitor pinned, to be presented and exported."""

from llmpert.ui.collection import show_collection

show_collection()
