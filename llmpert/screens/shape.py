"""Bring a table into the shape of a screen: a row a perturbation, a column a gene.

Which column of text names the perturbations shows in its content: the one with a name of its own in
every row. Long tables, a row for each perturbation and gene, are turned into wide ones.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.io.names import preview, shown

_TARGET = re.compile(r"target|perturb|knock|guide|sgrna|condition", re.IGNORECASE)
_FEATURE = re.compile(r"feature|measured|readout|gene|symbol|names?\b", re.IGNORECASE)
_DIFFERENCE = re.compile(
    r"(avg_?|mean_?)?(log_?2?_?(fold_?change|fc)|lfc|delta|diff(erence)?|effect(_?size)?|beta|coef"
    r"(ficient)?|z(_?score)?|response|value|score)s?",
    re.IGNORECASE,
)


def is_text(values: pd.Series) -> bool:
    """Return whether a column holds text, as text or as categories of text."""
    kind = values.dtype
    if isinstance(kind, pd.CategoricalDtype):
        return is_text(kind.categories.to_series())
    return pd.api.types.is_string_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def by_perturbation(path: Path, frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return the table with perturbations as its index, as text, and columns of other things.

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
    if len(varied) > 1 and not own and numbers:
        return _pivoted(path, frame, [texts[at] for at in varied], numbers, notes)
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
    return rest.set_axis(
        pd.Index(names[place], name=str(frame.columns[texts[place]]), dtype=object)
    )


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
) -> pd.DataFrame:
    """Turn a long table into a wide one, if it is clear which column is what."""
    labels = {place: str(frame.columns[place]) for place in [*texts, *numbers]}
    targets = [place for place in texts if _TARGET.search(labels[place])]
    others = [place for place in texts if place not in targets]
    features = [place for place in others if _FEATURE.search(labels[place])]
    values = [place for place in numbers if _DIFFERENCE.fullmatch(labels[place])]
    values = values or (numbers if len(numbers) == 1 else [])
    if not (len(targets) == len(features) == len(values) == 1):
        expected = (
            "a row a perturbation and a column a gene, or a long table with one column each called"
            " perturbation, feature and log2_fold_change"
        )
        raise InputError.of_file(path, expected, f"the columns {preview([*labels.values()], 8)}")
    (target,), (feature,), (value,) = targets, features, values
    rows, columns = _texts(frame.iloc[:, target]), _texts(frame.iloc[:, feature])
    row, row_names = pd.factorize(np.array(rows, dtype=object))
    column, column_names = pd.factorize(np.array(columns, dtype=object))
    cell = row * len(column_names) + column
    if len(np.unique(cell)) < len(cell):
        expected = f"one row for each {labels[target]} and {labels[feature]}"
        raise InputError.of_file(path, expected, "several for some")
    missing = len(row_names) * len(column_names) - len(cell)
    if missing:
        share = missing / (len(row_names) * len(column_names))
        found = f"none for {share:.0%} of the pairs: tables of significant genes alone do not do"
        expected = f"a row for each {labels[target]} with each {labels[feature]}"
        raise InputError.of_file(path, expected, found)
    wide = np.empty(len(cell), dtype=np.float64)
    wide[cell] = frame.iloc[:, value].to_numpy(np.float64, na_value=np.nan)
    notes.append(
        f"Turned from a long table: perturbations in {labels[target]!r}, genes in"
        f" {labels[feature]!r}, differences in {labels[value]!r}."
    )
    index = pd.Index(row_names, name=labels[target], dtype=object)
    return pd.DataFrame(wide.reshape(len(row_names), -1), index=index, columns=column_names)
