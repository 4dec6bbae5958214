"""Folders: what llmpert keeps, and what comes with it."""

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """The folder for imported data and cached results: `LLMPERT_HOME` or the platform's own."""
    chosen = os.environ.get("LLMPERT_HOME")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("llmpert", appauthor=False))


def app_folder() -> Path:
    """Return the folder with `app.py`, `pages/`, `data/` and Streamlit's settings.

    In a clone that is the repository; an installed package has them inside.
    """
    package = Path(__file__).resolve().parent.parent
    installed = package / "_app"
    return installed if installed.is_dir() else package.parent


def shipped() -> Path:
    """Return the folder `data/`, which comes with every clone and every installed package."""
    return app_folder() / "data"
