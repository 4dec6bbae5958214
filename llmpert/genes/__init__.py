"""Genes: their names, and sets of them."""

from llmpert.genes.table import COLUMNS, Gene, GeneTable, Resolution, by_symbol

__all__ = ["COLUMNS", "Gene", "GeneTable", "Resolution", "by_symbol"]
