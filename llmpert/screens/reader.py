"""Read a screen: find out what a file is, then let its reader read it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from llmpert.downloads import download_of
from llmpert.errors import InputError, Question
from llmpert.io.names import without_identity
from llmpert.io.reading import as_input_error, naming, require_file
from llmpert.screens import cells, replogle, tables
from llmpert.screens.cells.scale import CHOICES as CHOICES_OF_CELLS
from llmpert.screens.files import ANNDATA, open_h5ad, refuse_other_kinds, suffix
from llmpert.screens.screen import FORMAT, Screen, check_bounds
from llmpert.screens.values import CHOICES

if TYPE_CHECKING:  # it takes a second
    import anndata

OBJECTS = {"DataFrame": "_.parquet", "AnnData": "_.h5ad"}
"""What is read besides files, and the file that it goes through: no line is in its name."""


def read_screen(
    source: "str | Path | pd.DataFrame | anndata.AnnData",
    line: str | None = None,
    unit: str | None = None,
    *,
    default_line: str | None = None,
    values: str | None = None,
    target: str | None = None,
    control: str | Sequence[str] = (),
    layer: str | None = None,
    bounds: Sequence[float] | None = None,
    upload_limit: int | None = None,
) -> Screen:
    """Read a screen from a file of any known kind, or from what pandas or AnnData has read of one.

    Known are, in this order: files of single cells (`llmpert.screens.cells`), files written by
    `Screen.save`, bulk files of Replogle et al. 2022 (`llmpert.screens.replogle`) and tables of
    differences to control (`llmpert.screens.tables`). `provenance["download"]` is what the note
    beside the file says (`llmpert.downloads.download_of`).

    Args:
        source: `.h5ad`, `.h5mu`, `.csv`, `.tsv` (also `.gz`) or `.parquet`; a DataFrame or
            AnnData, which is read as its file would be, and needs a line where it states none.
        line, unit: Where given they count more than what the file says.
        default_line: Line where the file states none, in place of what its name says.
        values: What the numbers are: of a table "differences" or "means"
            (`llmpert.screens.values`), of single cells "counts", "log" or "log2"
            (`llmpert.screens.cells.scale`). By default evidence decides.
        target: Column of a file of single cells that names their knocked-down genes. By default
            its labels tell.
        control: What it says of control cells: a pattern with `*`, or several. By default what
            controls usually go by.
        layer: Of an AnnData file, holds the values in place of X; "raw" is AnnData's.
        bounds: Lowest and highest value that the unit allows, such as (0, 1) of a rank score;
            either may be infinite. No interval of a prediction ends beyond.
        upload_limit: Of an uploaded file: cells x genes that it may have if it holds single cells.
            What is finished of them then lies beside the file.

    Raises:
        InputError: The file is missing, damaged or not usable as a screen.
        Question: It can be read in several ways; an argument answers.
    """
    if not isinstance(source, str | Path):
        with _written(source) as file:
            screen = read_screen(
                file, line, unit, default_line=default_line, values=values, target=target,
                control=control, layer=layer, bounds=bounds,
            )  # fmt: skip
        stated = {k: v for k, v in screen.provenance.items() if v != file.name}
        return replace(screen, provenance={"source": type(source).__name__, **stated})
    refuse_other_kinds(Path(source))
    path = require_file(source)
    is_h5ad = suffix(path) in ANNDATA
    control = [control] if isinstance(control, str) else control
    if is_h5ad and cells.holds_cells(path, layer, target, control):
        _check_choice(path, values, CHOICES_OF_CELLS, "single cells")
        plan = cells.plan(
            path, line, default_line=default_line, values=values, target=target, control=control,
            layer=layer, largest=upload_limit,
        )  # fmt: skip
        screen = cells.pseudobulk(plan, work=None if upload_limit is None else path.parent)
    else:
        _check_choice(path, values, CHOICES, "a table")
        with naming(path):
            if is_h5ad:
                with _explained(path, layer):
                    screen = _read_h5ad(path, line, default_line, values, layer)
            else:
                screen = tables.read_table(path, line, default_line, values)
        if download := download_of(path):
            screen.provenance["download"] = download
    told: dict[str, Any] = {"unit": unit} if unit else {}
    if bounds is not None:
        told["bounds"] = check_bounds(path, bounds)
    with naming(path):
        return replace(screen, **told) if told else screen


@contextmanager
def _written(source: "pd.DataFrame | anndata.AnnData") -> "Iterator[Path]":
    """Write what is in memory to a file while the context is open, which errors call by its kind.

    So a table is read in one way, wherever it is.
    """
    kind = type(source).__name__
    if kind not in OBJECTS:
        raise InputError(f"Expected a file, a DataFrame or an AnnData object, found {kind}.")
    with TemporaryDirectory(prefix="llmpert-") as folder:
        path = Path(folder, OBJECTS[kind])
        try:
            with as_input_error(path, "what can be written to a file"):
                if isinstance(source, pd.DataFrame):
                    source.rename(columns=str).to_parquet(path)
                else:
                    source.write_h5ad(path)
            yield path
        except InputError as problem:
            said = str(problem).replace(str(path), kind)
            if isinstance(problem, Question):
                raise Question(said, problem.option, problem.choices) from problem
            raise InputError(said) from problem


@contextmanager
def _explained(path: Path, layer: str | None) -> "Iterator[None]":
    """Say why a file that is refused as a table was not read as single cells, if it may be some."""
    try:
        yield
    except Question:
        raise
    except InputError as problem:
        if why := cells.why_no_cells(path, layer):
            reason = why.removeprefix(f"{path}: ")
            raise InputError(f"{problem} As single cells: {reason}") from problem
        raise


def _check_choice(path: Path, values: str | None, choices: Mapping[str, str], of_what: str) -> None:
    if values is not None and values not in choices:
        expected = f"as values of {of_what} one of {', '.join(choices)}"
        raise InputError.of_file(path, expected, repr(values))


def _read_h5ad(
    path: Path, line: str | None, default_line: str | None, values: str | None, layer: str | None
) -> Screen:
    data = open_h5ad(path, layer=layer)
    head = data.uns.get("llmpert")
    if isinstance(head, dict) and head.get("format") == FORMAT:
        screen = Screen.from_anndata(data, path)
        provenance = without_identity(screen.provenance)
        return replace(screen, line=line or screen.line, provenance=provenance)
    if replogle.names_populations(data.obs_names):
        return replogle.from_anndata(data, path, line, default_line)
    return tables.from_anndata(data, path, line, default_line, values)
