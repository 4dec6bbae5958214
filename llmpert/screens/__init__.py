from llmpert.screens.reader import read_screen
from llmpert.screens.screen import Screen, common_perturbations

__all__ = ["Screen", "common_perturbations", "read_screen"]
