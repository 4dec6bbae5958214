"""The one door for files of responses: find out what a file is, then read it."""

from dataclasses import replace
from pathlib import Path

from llmpert.downloads import download_of
from llmpert.io.reading import naming, require_file
from llmpert.screens import replogle, tables
from llmpert.screens.files import open_h5ad, suffix
from llmpert.screens.screen import FORMAT, Screen


def read_screen(path: str | Path, line: str | None = None, unit: str | None = None) -> Screen:
    """Read a screen from a file of any known kind.

    A file written by `Screen.save` is known by its mark, a bulk file of Replogle et al. 2022 by its
    row names (see `read_replogle`); anything else is taken as a table of differences to control
    (see `read_table`). The file is read once. Where it was downloaded from is in
    `provenance["download"]` if the note beside it says so (see `llmpert.downloads.download_of`).

    Parameters
    ----------
    path:
        `.h5ad`, `.csv`, `.tsv` (also `.gz`) or `.parquet`.
    line, unit:
        Cell line and unit; where given they count more than what the file says.

    Raises
    ------
    InputError
        The file is missing, damaged or not usable as a screen.
    """
    path = require_file(path)
    with naming(path):
        screen = _read(path, line, unit)
    if download := download_of(path):
        screen.provenance["download"] = download
    return screen


def _read(path: Path, line: str | None, unit: str | None) -> Screen:
    if suffix(path) != ".h5ad":
        return tables.read_table(path, line, unit)
    data = open_h5ad(path)
    head = data.uns.get("llmpert")
    if isinstance(head, dict) and head.get("format") == FORMAT:
        screen = _by_content(Screen.from_anndata(data, path))
    elif replogle.is_replogle(data):
        screen = replogle.screen_of(data, path, line)
    else:
        return tables.screen_of(data, path, line, unit)
    if (line or screen.line, unit or screen.unit) == (screen.line, screen.unit):
        return screen
    return replace(screen, line=line or screen.line, unit=unit or screen.unit)


def _by_content(screen: Screen) -> Screen:
    """Without the identity that a file claims: others' kept results would be taken for its own."""
    told = {key: value for key, value in screen.provenance.items() if key != "identity"}
    return replace(screen, provenance=told)
