"""Bring a table into the shape of a screen: a row a perturbation, a column a gene.

Which column of text names the perturbations shows in its content: the one with a name of its own in
every row. Long tables, a row for each perturbation and gene, are turned into wide ones.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.io.names import preview, shown

_TARGET = re.compile(r"target|perturb|knock|guide|sgrna|condition", re.IGNORECASE)
_FEATURE = re.compile(r"feature|measured|readout|gene|symbol|variables?\b|names?\b", re.IGNORECASE)
_FOLD_CHANGE = re.compile(
    r"(avg|mean)?[_.]?(log[_.]?(2|e|10)?[_.]?(fold[_.]?changes?|fc)|lfc)", re.IGNORECASE
)
_DIFFERENCE = re.compile(
    r"(delta|diff(erence)?|effect([_.]?size)?|beta|coef(ficient)?|z([_.]?score)?|response|value|"
    r"score)s?",
    re.IGNORECASE,
)
_P = re.compile(r"p|p[_.]?val(ue)?s?", re.IGNORECASE)
_Q = re.compile(
    r"p[_.]?(val(ue)?s?[_.]?)?adj(usted)?|adj(usted)?[_.]?p[_.]?(val(ue)?s?)?|"
    r"(q|fdr)([_.]?val(ue)?s?)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Shaped:
    """A table with perturbations as its index, as text, and columns of other things.

    Attributes:
        q: False discovery rates in the same shape, if the file has them.
        unit: What one unit of the numbers is, "" where nothing says it.
    """

    frame: pd.DataFrame
    q: np.ndarray | None = None
    unit: str = ""


def is_text(values: pd.Series) -> bool:
    """Return whether a column holds text, as text or as categories of text."""
    kind = values.dtype
    if isinstance(kind, pd.CategoricalDtype):
        return is_text(kind.categories.to_series())
    return pd.api.types.is_string_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def by_perturbation(path: Path, frame: pd.DataFrame, notes: list[str]) -> Shaped:
    """Return the table with a row a perturbation.

    Args:
        frame: Its first column may hold the names of rows.
        notes: Gets a sentence on what was left out or turned.

    Raises:
        InputError: No column, or more than one, may name the perturbations; or a long table leaves
            something open.
    """
    texts = [place for place in range(frame.shape[1]) if is_text(frame.iloc[:, place])]
    names = [_texts(frame.iloc[:, place]) for place in texts]
    if texts and texts[0] == 0 and len(texts) > 1 and _are_row_numbers(names[0]):
        texts, names = texts[1:], names[1:]
    varied = [at for at, values in enumerate(names) if len(set(values)) > 1] or [*range(len(names))]
    if not texts:
        expected = "perturbation names in the index or in a column of text"
        raise InputError.of_file(path, expected, "neither")
    own = [at for at in varied if len(set(names[at])) == len(names[at])]
    numbers = [
        place for place in range(frame.shape[1])
        if pd.api.types.is_numeric_dtype(frame.iloc[:, place])
    ]  # fmt: skip
    repeated = [texts[at] for at in varied if at not in own]
    statistics = [str(frame.columns[place]) for place in numbers if _is_statistic(frame, place)]
    # R gives the rows of a long table names, too.
    if numbers and len(repeated) > 1 and (statistics or not own):
        return _pivoted(path, frame, repeated, numbers, notes)
    if statistics:
        _refuse_statistics(path, statistics)
    # A name a row; where several columns have that, the first one, or what is in them is refused.
    place = (own if len(varied) > 1 and own else varied)[0]
    left = [at for at in range(len(texts)) if at not in varied]
    for at in left:
        label = str(frame.columns[texts[at]])
        notes.append(f"The column {label!r} says {shown(names[at][0])} in every row: left out.")
    # Columns by place, for they may have one name.
    out = {texts[place], *(texts[at] for at in left)}
    if texts[0] > 0 and _are_row_numbers(_texts(frame.iloc[:, 0])) and 0 not in out:
        notes.append("The first column holds row numbers: it was left out.")
        out.add(0)
    rest = frame.iloc[:, [at for at in range(frame.shape[1]) if at not in out]]
    header = str(frame.columns[texts[place]])
    return Shaped(rest.set_axis(pd.Index(names[place], name=header, dtype=object)))


def _is_statistic(frame: pd.DataFrame, place: int) -> bool:
    """Whether a column is named like a statistic, which is no measured gene."""
    name = str(frame.columns[place]).strip()
    kinds = (_FOLD_CHANGE, _DIFFERENCE, _P, _Q)
    return len(name) > 1 and any(kind.fullmatch(name) for kind in kinds)


def _refuse_statistics(path: Path, columns: list[str]) -> None:
    expected = (
        "a row a perturbation and a column a gene, or a long table with a column of perturbations,"
        " one of measured genes and one of differences"
    )
    found = f"the columns {preview(columns)}, as a table of one perturbation has them"
    do = "put the tables of all perturbations below each other, with a column perturbation"
    raise InputError.of_file(path, expected, f"{found}; {do}")


def _texts(values: pd.Series) -> list[str]:
    return ["" if pd.isna(value) else str(value) for value in values.astype(object)]


def _are_row_numbers(values: list[str]) -> bool:
    """Whether values count up by one from 0 or 1."""
    first = values[0] if values else ""
    return first in ("0", "1") and values == [
        str(number) for number in range(int(first), int(first) + len(values))
    ]


def _pivoted(
    path: Path, frame: pd.DataFrame, texts: list[int], numbers: list[int], notes: list[str]
) -> Shaped:
    """Turn a long table into a wide one, if it is clear which column is what."""
    labels = {place: str(frame.columns[place]).strip() for place in [*texts, *numbers]}
    codes = {place: pd.factorize(np.array(_texts(frame.iloc[:, place]), object)) for place in texts}
    targets = _one_of_each([at for at in texts if _TARGET.search(labels[at])], codes)
    others = [place for place in texts if place not in targets]
    named = [place for place in others if _FEATURE.search(labels[place])]
    features = _one_of_each(named, codes)
    targets = targets or _one_of_each([place for place in others if place not in named], codes)
    values = [place for place in numbers if _FOLD_CHANGE.fullmatch(labels[place])]
    values = values or [place for place in numbers if _DIFFERENCE.fullmatch(labels[place])]
    values = values or (numbers if len(numbers) == 1 else [])
    if not (len(targets) == len(features) == len(values) == 1):
        expected = (
            "a row a perturbation and a column a gene, or a long table with one column each called"
            " perturbation, feature and log2_fold_change"
        )
        raise InputError.of_file(path, expected, f"the columns {preview([*labels.values()], 8)}")
    (target,), (feature,), (value,) = targets, features, values
    (row, row_names), (column, column_names) = codes[target], codes[feature]
    cell = row * len(column_names) + column
    if len(np.unique(cell)) < len(cell):
        expected = f"one row for each {labels[target]} and {labels[feature]}"
        raise InputError.of_file(path, expected, "several for some")
    missing = len(row_names) * len(column_names) - len(cell)
    if missing:
        share = missing / (len(row_names) * len(column_names))
        found = f"none for {share:.0%} of the pairs: a table of significant genes is too little"
        expected = f"a row for each {labels[target]} with each {labels[feature]}"
        raise InputError.of_file(path, expected, found)

    def wide(place: int) -> np.ndarray:
        found = np.empty(len(cell), dtype=np.float64)
        found[cell] = frame.iloc[:, place].to_numpy(np.float64, na_value=np.nan)
        return found.reshape(len(row_names), -1)

    notes.append(
        f"Turned from a long table: perturbations in {labels[target]!r}, genes in"
        f" {labels[feature]!r}, differences in {labels[value]!r}."
    )
    rates = [place for place in numbers if _Q.fullmatch(labels[place])]
    q = _rates(wide(rates[0]), labels[rates[0]], notes) if len(rates) == 1 else None
    used = {target, feature, value, *(rates if q is not None else [])}
    left = [label for place, label in labels.items() if place not in used]
    if left:
        notes.append(f"Other columns were left out: {preview(left)}.")
    index = pd.Index(row_names, name=labels[target], dtype=object)
    unit = ""
    if _FOLD_CHANGE.fullmatch(labels[value]):
        unit = "log2 fold change" if "2" in labels[value] else "log fold change"
    return Shaped(pd.DataFrame(wide(value), index=index, columns=column_names), q, unit)


def _one_of_each(places: list[int], codes: Mapping[int, tuple[np.ndarray, Any]]) -> list[int]:
    """Return columns without those that say the same as one before, such as an id of a gene."""
    found: list[int] = []
    for place in places:
        if not any(np.array_equal(codes[place][0], codes[at][0]) for at in found):
            found.append(place)
    return found


def _rates(q: np.ndarray, label: str, notes: list[str]) -> np.ndarray | None:
    """Return false discovery rates, missing ones as 1; None, with a note, where they are others."""
    missing = np.isnan(q)
    q = np.where(missing, 1.0, q)
    if missing.all() or q.min() < 0 or q.max() > 1:
        return None
    untold = f"; {int(missing.sum()):,} without a number count as not called" * bool(missing.any())
    notes.append(f"False discovery rates are taken from {label!r}{untold}.")
    return q.astype(np.float32)
