from llmpert.screens.common import common_perturbations
from llmpert.screens.reader import read_screen
from llmpert.screens.screen import FDR, Screen

__all__ = ["FDR", "Screen", "common_perturbations", "read_screen"]
