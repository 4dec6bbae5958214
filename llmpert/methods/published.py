"""Published results of external methods, one value a perturbation."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from llmpert.errors import InputError
from llmpert.evaluation.results import NO_EMBEDDING, PUBLISHED, write_table
from llmpert.evaluation.scores import registry
from llmpert.genes import GeneTable
from llmpert.io.atomic import atomic_path
from llmpert.io.limits import LARGEST_LIST
from llmpert.io.names import check_names, parse_object
from llmpert.io.reading import as_input_error, check_version, ending_of, naming, require_file
from llmpert.io.tables import open_text, read_flat, refuse_oversized
from llmpert.screens.files import numeric_column

TIDY = ("perturbation", "method", "metric", "value")
SCOUTER = ("condition", "1-PCC", "Method")
"""Columns of Scouter's layout that are used; "split" and "NormMSE" are beside them."""

ROWS = ("model", "embedding", "perturbation", "metric", "value")
"""Columns of `Published.results`, all of them among those of the table of results."""

CONDITION = r"^(?:[^+]+_)?(?P<gene>[^_+]+)\+ctrl(?:_1\+1)?$"
"""A knockdown of one gene as GEARS names it: GENE+ctrl, or with cells and dose CELLS_GENE+ctrl_1+1.
Scouter's files use both, the second one for biolord."""

MISSING = ("", "na", "nan", "none", "null")
ROUNDING = 1e-6
"""A correlation this far outside [-1, 1] is a rounding error of float32 and clipped."""

FORMAT_VERSION = 1
ENDINGS = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True, eq=False)
class Published:
    """Published results of one cell line.

    `table` has the columns `TIDY`, one row a perturbation, method and metric of
    `llmpert.evaluation.scores.registry`, sorted by these; `value` is NaN where it is not defined.
    `source` is the file they were read from, for captions.
    """

    line: str
    source: str
    table: pd.DataFrame

    @classmethod
    def read(cls, path: str | Path, line: str) -> "Published":
        """Read a table (CSV, also `.gz`, or Parquet) in one of two layouts, by its columns.

        Tidy: perturbation, method, metric (a name of the registry, such as "pearson_top20") and
        value. Scouter's: condition (`CONDITION`), "1-PCC" (one minus the Pearson correlation over
        the top 20 DE genes relative to control, read as pearson_top20) and Method. Other columns
        are ignored. Several values of a perturbation, method and metric, such as those of Scouter's
        five splits, are averaged without missing ones.

        Raises:
            InputError: The file is missing or no table, lacks a column, names no perturbation or
                method in a row, has an unknown metric, something other than a number, no number at
                all, a correlation outside [-1, 1] or a negative error.
        """
        path = require_file(path)
        ending = ending_of(path, ENDINGS)
        if not ending:
            kinds = f"predictions (.h5ad) or a table of results ({', '.join(ENDINGS)})"
            raise InputError.of_file(path, kinds, "another kind of file")
        expected = f"a table of results ({ending})"
        if ending == ".parquet":
            frame = read_flat(path, expected)
        else:
            with open_text(path, ",", expected, largest=LARGEST_LIST, columns=1000) as text:
                # As text: "NA" is a missing number, but a gene or method may be called so.
                frame = pd.read_csv(text, dtype=str, keep_default_na=False)
        with naming(path):
            return cls(line, path.name, _averaged(path, _tidy(path, frame)))

    def save(self, path: str | Path) -> None:
        """Write as Parquet; a file is replaced only by a complete one."""
        about = json.dumps({"line": self.line, "source": self.source, "version": FORMAT_VERSION})
        with atomic_path(path) as temporary:
            write_table(self.table, temporary, {"about": about})

    @classmethod
    def load(cls, path: str | Path) -> "Published":
        """Read what `save` wrote.

        Raises:
            InputError: The file is missing, damaged, not one of published results, or of another
                version.
        """
        path = require_file(path)
        with as_input_error(path, "published results as llmpert keeps them"):
            refuse_oversized(path)
            stored = pq.read_table(path)
            frame = stored.to_pandas()
            about = parse_object((stored.schema.metadata or {}).get(b"about", b"{}"))
            # The first files had no mark of their version.
            check_version(path, "published results", about.get("version", 1), FORMAT_VERSION)
            line, source = str(about["line"]), str(about["source"])
        with naming(path):
            return cls(line, source, _averaged(path, _tidy(path, frame)))

    @property
    def perturbations(self) -> list[str]:
        """All perturbations of any method, in order."""
        return list(self.table["perturbation"].unique())

    def spelt_among(self, names: Iterable[str], table: GeneTable | None = None) -> dict[str, str]:
        """Return how `names` spell the perturbations; those that they lack are left out.

        By exact match, else by the gene that both mean in `table` (default: llmpert's own).
        """
        return (table or GeneTable.shipped()).spelt_as(self.perturbations, names)

    def within(self, names: Iterable[str], table: GeneTable | None = None) -> "Published":
        """Return the results of perturbations among `names`, spelt as there (`spelt_among`).

        Values of one gene under two names are averaged.
        """
        spelt = self.spelt_among(names, table)
        cut = self.table[self.table["perturbation"].isin(spelt)]
        return replace(self, table=_mean(cut.assign(perturbation=cut["perturbation"].map(spelt))))

    def results(self) -> pd.DataFrame:
        """Return rows of the table of results (`ROWS`); a model is called "GEARS (published)"."""
        model = self.table["method"] + PUBLISHED
        return self.table.assign(model=model, embedding=NO_EMBEDDING)[list(ROWS)]


def _tidy(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of either layout with the columns `TIDY`, names as text, values as numbers."""
    frame = frame.rename(columns=lambda column: str(column).strip())
    if not frame.columns.is_unique:
        raise InputError.of_file(path, "every column once", "one that is repeated")
    if set(SCOUTER) <= set(frame.columns) and not set(TIDY) <= set(frame.columns):
        condition = frame["condition"].astype(str).str.strip()
        gene = condition.str.extract(CONDITION)["gene"]
        if gene.isna().any():
            expected = "knockdowns of one gene (GENE+ctrl) in the column condition"
            raise InputError.of_file(path, expected, repr(condition[gene.isna()].iloc[0]))
        pearson = 1 - _numbers(path, frame, "1-PCC")
        frame = pd.DataFrame({"perturbation": gene, "method": frame["Method"], "value": pearson})
        frame["metric"] = "pearson_top20"
    missing = [column for column in TIDY if column not in frame]
    if missing:
        raise InputError.of_file(
            path,
            f"the columns {', '.join(TIDY)}, or {', '.join(SCOUTER)} as Scouter publishes them",
            f"none named {', '.join(missing)}",
        )
    tidy = pd.DataFrame({"value": _numbers(path, frame, "value")})
    for at, column in enumerate(TIDY[:3]):
        names = frame[column].astype(object).where(frame[column].notna(), "").map(str).str.strip()
        if (names == "").any():
            raise InputError.of_file(path, f"a {column} in every row", "a row without")
        check_names(path, column, names.unique())
        tidy.insert(at, column, names)
    return tidy


def _numbers(path: Path, frame: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as float64, NaN where a value is missing."""
    values = frame[column].astype(object)
    missing = values.isna() | values.astype(str).str.strip().str.lower().isin(MISSING)
    given = pd.DataFrame({column: values.mask(missing)})
    numbers = pd.Series(numeric_column(given, column, path), index=frame.index)
    if np.isinf(numbers).any():
        raise InputError.of_file(path, f"finite numbers in the column {column!r}", "infinite ones")
    if numbers.isna().all():
        raise InputError.of_file(path, f"numbers in the column {column!r}", "none")
    return numbers


def _averaged(path: Path, tidy: pd.DataFrame) -> pd.DataFrame:
    """Check values and average them to one row a perturbation, method and metric."""
    known = registry()
    unknown = tidy.loc[~tidy["metric"].isin(known), "metric"]
    if len(unknown):
        raise InputError.of_file(path, f"metrics among {', '.join(known)}", repr(unknown.iloc[0]))
    correlation = tidy["metric"].str.startswith("pearson")
    within = tidy["value"].clip(correlation.map({True: -1, False: 0}), correlation.map({True: 1}))
    outside = (tidy["value"] - within).abs() > ROUNDING
    if outside.any():
        first = tidy[outside].iloc[0]
        found = f"{first['value']:g} ({first['metric']} of {first['perturbation']})"
        pearson = correlation[outside].iloc[0]
        kind = "correlations from -1 to 1" if pearson else "errors of 0 or more"
        raise InputError.of_file(path, kind, found)
    return _mean(tidy.assign(value=within))


def _mean(tidy: pd.DataFrame) -> pd.DataFrame:
    return tidy.groupby(list(TIDY[:3]), as_index=False).agg({"value": "mean"})
