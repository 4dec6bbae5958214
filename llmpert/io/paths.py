"""Folders: what llmpert keeps, and what comes with it."""

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """The folder for imported data and cached results: `LLMPERT_HOME` or the platform's own."""
    chosen = os.environ.get("LLMPERT_HOME")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("llmpert", appauthor=False))


def shipped() -> Path:
    """The repository's `data/` folder: what comes with every clone."""
    return Path(__file__).resolve().parent.parent.parent / "data"
