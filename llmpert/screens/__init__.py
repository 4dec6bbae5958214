from llmpert.screens.reader import read_screen
from llmpert.screens.screen import FDR, Screen, common_perturbations

__all__ = ["FDR", "Screen", "common_perturbations", "read_screen"]
