"""Genes: their names, and sets of them."""

from llmpert.genes.builtin import BUILT_IN_SETS, are_human, built_in_sets
from llmpert.genes.table import COLUMNS, FURTHER_COLUMNS, Gene, GeneTable, Resolution, by_symbol

__all__ = [
    "BUILT_IN_SETS", "COLUMNS", "FURTHER_COLUMNS", "Gene", "GeneTable", "Resolution", "are_human",
    "built_in_sets", "by_symbol",
]  # fmt: skip
