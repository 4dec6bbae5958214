"""Folders: the user's data folder, and the shipped one."""

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import platformdirs

from llmpert.errors import InputError

LEAST_FREE = 100 * 10**6
"""Bytes of disk without which the data folder counts as full."""


def home() -> Path:
    """The folder for imported data and cached results: `LLMPERT_HOME` or the platform's own."""
    chosen = os.environ.get("LLMPERT_HOME")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("llmpert", appauthor=False))


def free_space() -> int:
    """Return the free bytes of the data folder's disk, the folder made if there is none.

    Raises:
        InputError: The folder cannot be read and written, or its disk is full; no path is named.
    """
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        next(folder.iterdir(), None)
        # It has no name where the system can do without, so a kill leaves nothing behind.
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"can be written")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"The data folder cannot be read and written: {reason}.") from error
    if free < LEAST_FREE:
        raise InputError("The disk of the data folder is full.")
    return free


@cache
def app_folder() -> Path:
    """Return what holds `app.py`, `pages/` and `data/`: a clone, or `_app` of a package."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_app"
    return installed if installed.is_dir() else package.parent


def shipped() -> Path:
    """Return the shipped folder `data/` of a clone or an installed package."""
    return app_folder() / "data"
