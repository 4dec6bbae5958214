"""Genes: their names, and sets of them."""

from llmpert.genes.table import COLUMNS, Gene, GeneTable, Resolution

__all__ = ["COLUMNS", "Gene", "GeneTable", "Resolution"]
