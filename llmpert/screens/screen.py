"""A screen: one cell line's responses to single-gene knockdowns; and what several share."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.genes import GeneTable, by_symbol
from llmpert.io.atomic import atomic_path
from llmpert.io.hashing import HasProvenance, fingerprint, frozen
from llmpert.io.names import Remarks, check_names, check_remarks, parse_object, positions, preview
from llmpert.io.reading import as_input_error, check_version
from llmpert.screens.files import dense, numeric_column, open_h5ad

if TYPE_CHECKING:  # it takes a second
    import anndata

Bounds = tuple[float, float]

FDR = 0.05
"""False discovery rate at which a difference is called, wherever there are tests."""
FORMAT = "llmpert-screen"
FORMAT_VERSION = 1
STORED_SD = "spread"
"""Column of var that holds `control_sd` in files."""


@dataclass(frozen=True, eq=False)
class Screen(HasProvenance):
    """One cell line's responses, as differences to control (Δ).

    Attributes:
        line: Name of the cell line, such as "K562".
        response: float32, perturbations x genes, read-only. Row p is the mean response to knocking
            down `perturbations[p]` minus the control mean, in `unit`.
        perturbations, genes: Names of the knocked-down genes (rows) and of the measured genes
            (columns), as the source spells them; each unique.
        unit: What one unit of `response` is, for axes: "Δ log-normalised expression", "Δ z-score",
            "rank score".
        control_mean, control_sd: Per measured gene: mean and standard deviation in control, or None
            where unknown.
        cells: Cells behind each perturbation's mean, or None where unknown.
        layers: Statistics of single cells, float32, perturbations x genes: `variance` of the
            perturbation's cells, `t` (Welch's, against control), `q` (its false discovery rate) and
            `covariance`, the perturbed gene's with each gene over control cells.
        bounds: Lowest and highest value that the unit allows, either of them infinite; None where
            nothing is stated. A rank score lies in 0..1.
        agreement: How well a repeat is expected to correlate with each response, 0 to 1, from how
            the guides against the gene agree; NaN with a single guide, None where unknown.
        provenance: As in `HasProvenance`: source, licence, the steps taken, notes on what was
            repaired. The `identity` of a simulated screen is its recipe and seed, because the last
            bits of its numbers depend on the machine's linear algebra library.
    """

    _format = (FORMAT_VERSION,)

    line: str
    response: np.ndarray
    perturbations: np.ndarray
    genes: np.ndarray
    unit: str
    control_mean: np.ndarray | None = None
    control_sd: np.ndarray | None = None
    cells: np.ndarray | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    layers: Mapping[str, np.ndarray] = field(default_factory=dict)
    agreement: np.ndarray | None = None
    bounds: Bounds | None = None

    def __post_init__(self) -> None:
        for name in ("response", "control_mean", "control_sd", "cells", "agreement"):
            if (values := getattr(self, name)) is not None:
                object.__setattr__(self, name, frozen(values))
        object.__setattr__(self, "layers", {k: frozen(v) for k, v in self.layers.items()})
        screen = f"Screen {self.line}"
        check_names(screen, "cell line and unit", [self.line, self.unit])
        for kind in ("perturbation", "gene"):
            names = np.array([str(x) for x in getattr(self, f"{kind}s")], dtype=object)
            names.setflags(write=False)
            object.__setattr__(self, f"{kind}s", names)
            check_names(screen, kind, names, unique=True)
        rows, columns = len(self.perturbations), len(self.genes)
        if not rows or not columns:
            raise InputError.of_file(
                screen, "perturbations x genes", f"{rows} perturbation(s) and {columns} gene(s)"
            )
        matrices = {"response": self.response, **self.layers}
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(matrices, (rows, columns))
        shapes |= {"control_mean": (columns,), "control_sd": (columns,)}
        shapes |= {"cells": (rows,), "agreement": (rows,)}
        for name, shape in shapes.items():
            values = matrices[name] if name in matrices else getattr(self, name)
            if values is not None and values.shape != shape:
                expected = f"{' x '.join(map(str, shape))} values of {name}"
                raise InputError.of_file(screen, expected, f"an array of shape {values.shape}")
        for name, values in matrices.items():
            check_finite(screen, name, values, self.perturbations, self.genes)
        if self.bounds is not None:
            object.__setattr__(self, "bounds", check_bounds(screen, self.bounds))
            _check_within(screen, self)

    def _content(self) -> tuple[object, ...]:
        known = (self.control_mean, self.control_sd, self.cells)
        return (
            self.line, self.response, self.perturbations, self.genes, self.unit,
            *("none" if values is None else values for values in known),
            *(part for name in sorted(self.layers) for part in (name, self.layers[name])),
            *(() if self.agreement is None else ("agreement", self.agreement)),
            *(() if self.bounds is None else ("bounds", self.bounds)),
        )  # fmt: skip

    @cached_property
    def raised_only(self) -> bool:
        """Whether no response is below 0, as ranks of raised genes are."""
        return bool(self.response.min() >= 0)

    def select(
        self, perturbations: Sequence[str] | None = None, genes: Sequence[str] | None = None
    ) -> "Screen":
        """The same screen cut to these perturbations and genes, in the order given.

        Raises:
            InputError: A name is not in the screen.
        """
        lacking = f"Screen {self.line} has no"
        rows, columns = np.arange(len(self.perturbations)), np.arange(len(self.genes))
        if perturbations is not None:
            rows = positions(self.perturbations, perturbations, f"{lacking} perturbation")
        if genes is not None:
            columns = positions(self.genes, genes, f"{lacking} gene")

        def cut(values: np.ndarray | None, *index: np.ndarray) -> Any:
            if values is None:
                return None
            part = values[np.ix_(*index)]
            part.setflags(write=False)  # so that it is not copied again
            return part

        provenance = dict(self.provenance)
        if provenance.get("identity") is not None:
            selection = fingerprint(self.perturbations[rows], self.genes[columns])
            provenance["identity"] = [provenance["identity"], selection]
        return replace(
            self,
            response=cut(self.response, rows, columns),
            layers={name: cut(layer, rows, columns) for name, layer in self.layers.items()},
            perturbations=self.perturbations[rows],
            genes=self.genes[columns],
            control_mean=cut(self.control_mean, columns),
            control_sd=cut(self.control_sd, columns),
            cells=cut(self.cells, rows),
            agreement=cut(self.agreement, rows),
            provenance=provenance,
        )

    def to_anndata(self) -> "anndata.AnnData":
        """As AnnData: obs = perturbations, var = measured genes, provenance in `uns["llmpert"]`."""
        import anndata

        obs = pd.DataFrame(index=pd.Index(self.perturbations.astype(str), name="perturbation"))
        var = pd.DataFrame(index=pd.Index(self.genes.astype(str), name="gene"))
        for frame, column, value in (
            (obs, "cells", self.cells),
            (obs, "agreement", self.agreement),
            (var, "control_mean", self.control_mean),
            (var, STORED_SD, self.control_sd),
        ):
            if value is not None:
                frame[column] = value
        head = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "line": self.line,
            "unit": self.unit,
            "provenance": json.dumps(self.provenance),
            **({} if self.bounds is None else {"bounds": np.array(self.bounds)}),
        }
        layers = {name: layer.copy() for name, layer in self.layers.items()}
        return anndata.AnnData(
            X=self.response.copy(), obs=obs, var=var, uns={"llmpert": head}, layers=layers
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the responses as a table: a row a perturbation, a column a measured gene."""
        rows = pd.Index(self.perturbations, name="perturbation")
        return pd.DataFrame(self.response.copy(), rows, pd.Index(self.genes, name="gene"))

    def save(self, path: str | Path) -> None:
        """Write the screen as `.h5ad`; an existing file is replaced only by a complete one."""
        with atomic_path(path) as temporary:
            self.to_anndata().write_h5ad(temporary, compression="gzip", compression_opts=1)

    @classmethod
    def load(cls, path: str | Path) -> "Screen":
        """Read what `save` wrote.

        Raises:
            InputError: The file is missing, truncated, or not a screen written by llmpert.
        """
        return cls.from_anndata(open_h5ad(path), Path(path))

    @classmethod
    def from_anndata(cls, data: "anndata.AnnData", path: str | Path = Path("AnnData")) -> "Screen":
        """Read back what `to_anndata` made; `path` is the file that messages name.

        `read_screen` reads any AnnData object, changed ones among them.

        Raises:
            InputError: `data` was not written by llmpert, or by a version with another format.
        """
        path, wanted = Path(path), "a screen written by llmpert"
        head = data.uns.get("llmpert")
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise InputError.of_file(path, wanted, "an AnnData file without its mark")
        check_version(path, "screen", head.get("version"), FORMAT_VERSION)
        head = Remarks(head)

        def column(frame: pd.DataFrame, name: str) -> np.ndarray | None:
            return numeric_column(frame, name, path) if name in frame else None

        with as_input_error(path, wanted):
            response = dense(data.X, path)
            response.setflags(write=False)  # so that it is not copied
            return cls(
                line=str(head["line"]),
                response=response,
                perturbations=data.obs_names.to_numpy(),
                genes=data.var_names.to_numpy(),
                unit=str(head["unit"]),
                control_mean=column(data.var, "control_mean"),
                control_sd=column(data.var, STORED_SD),
                cells=column(data.obs, "cells"),
                agreement=column(data.obs, "agreement"),
                bounds=tuple(head["bounds"]) if "bounds" in head else None,
                layers={
                    name: dense(layer, path, f"numbers as {name}")
                    for name, layer in data.layers.items()
                    if name is not None  # by which AnnData 0.13 means X
                },
                provenance=check_remarks(path, parse_object(str(head["provenance"]))),
            )


def check_bounds(source: str | Path, bounds: Sequence[float]) -> Bounds:
    """Return bounds of a unit as two numbers; raise an InputError of others."""
    found = tuple(map(float, bounds)) if len(bounds) == 2 else ()
    if not (found and found[0] < found[1]):
        stated = " to ".join(f"{bound:g}" for bound in map(float, bounds))
        raise InputError.of_file(
            source, "as bounds of the unit a lower and a higher number", stated or "none"
        )
    return found[0], found[1]


def bounds_in_words(bounds: Bounds) -> str:
    """Return bounds for people: "0 to 1", "0 or more"."""
    low, high = bounds
    if np.isinf(high):
        return "any number" if np.isinf(low) else f"{low:g} or more"
    return f"{high:g} or less" if np.isinf(low) else f"{low:g} to {high:g}"


def _check_within(source: str, screen: "Screen") -> None:
    """Raise an InputError where responses lie outside the bounds, but for rounding."""
    low, high = screen.bounds or (-np.inf, np.inf)
    response = screen.response
    slack = 1e-6 * max(abs(bound) for bound in (low, high, 1.0) if np.isfinite(bound))
    outside = (response < low - slack) | (response > high + slack)
    if outside.any():
        row, column = (at[0] for at in np.nonzero(outside))
        expected = f"responses within the bounds of its unit ({bounds_in_words((low, high))})"
        found = f"{outside.sum():,} outside, such as {response[row, column]:g}"
        found += f" ({screen.perturbations[row]}, {screen.genes[column]})"
        raise InputError.of_file(source, expected, f"{found}; state other bounds, or none")


def check_finite(
    source: str, name: str, values: np.ndarray, perturbations: np.ndarray, genes: np.ndarray
) -> None:
    """Raise InputError of missing or infinite values; it begins with `source` and has examples."""
    bad = ~np.isfinite(values)
    if bad.any():
        rows, columns = np.nonzero(bad)
        first = zip(perturbations[rows[:6]], genes[columns[:6]], strict=True)
        examples = [f"{row} ({column})" for row, column in first]
        expected = f"a finite {name} for every perturbation and gene"
        count = f"{len(np.unique(rows)):,} row(s) and {len(np.unique(columns)):,} gene(s)"
        found = f"missing or infinite values in {count}: {preview(examples)}"
        do = "leave out these rows or genes, or fill in what is known of them"
        raise InputError.of_file(source, expected, f"{found}; {do}")


def common_perturbations(
    screens: Sequence[Screen], table: GeneTable | None = None
) -> tuple[list[Screen], dict[str, list[str]]]:
    """Cut screens to the perturbations that all share, in the first one's order.

    Names meet where all spell them alike, else where they mean the same gene in `table` (by default
    the one that comes with llmpert): SEPT9 in one and SEPTIN9 in another. Such a perturbation gets
    the gene's current symbol in all screens.

    Returns the screens, and the perturbations that each line loses.

    Raises:
        InputError: No perturbation is common to all.
    """
    alike = set(screens[0].perturbations).intersection(*(s.perturbations for s in screens[1:]))
    odd = {name for screen in screens for name in screen.perturbations} - alike
    symbols = {name: name for name in alike}
    if odd:
        symbols |= (table or GeneTable.shipped()).symbols(sorted(odd))
    called = [by_symbol({x: symbols[x] for x in s.perturbations if x in symbols}) for s in screens]
    shared = [name for name in called[0] if all(name in names for names in called)]
    if not shared:
        raise InputError(
            f"The screens {', '.join(s.line for s in screens)} have no perturbation in common."
        )
    cut, lost = [], {}
    for screen, names in zip(screens, called, strict=True):
        used = [names[name] for name in shared]
        kept = set(used)
        lost[screen.line] = [name for name in screen.perturbations if name not in kept]
        # One that is so already stays the same.
        if list(screen.perturbations) != used:
            screen = screen.select(used)
        if used != shared:
            provenance = dict(screen.provenance)
            if provenance.get("identity") is not None:
                provenance["identity"] = [provenance["identity"], fingerprint(shared)]
            new = np.array(shared, dtype=object)
            screen = replace(screen, perturbations=new, provenance=provenance)
        cut.append(screen)
    return cut, lost
