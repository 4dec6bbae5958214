"""A trained model as a file: what a prediction needs, without the screen it was trained on.

The file is a zip archive of plain arrays (`.npz`) and a JSON header; nothing in it is executed.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmpert import __version__
from llmpert.embeddings import BUILT_IN, Embedding, built_in
from llmpert.embeddings.joined import JoinedInput
from llmpert.errors import InputError
from llmpert.evaluation.calibration import COLUMNS
from llmpert.evaluation.experiment import FittedModel
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import GeneVectors
from llmpert.genes import GeneTable
from llmpert.io.atomic import atomic_path
from llmpert.io.hashing import fingerprint
from llmpert.io.limits import MOST_COLUMNS, refuse_more
from llmpert.io.names import Remarks, check_names, check_remarks, parse_object, shown
from llmpert.io.reading import as_input_error, check_version, naming, require_file
from llmpert.io.zips import read_arrays
from llmpert.models.distribution import COUNT, Distribution
from llmpert.models.registry import gaussian_process
from llmpert.screens.screen import Bounds, Screen, check_bounds

ENDING = ".llmpert"
FORMAT = "llmpert-trained-model"
FORMAT_VERSION, OLDEST_VERSION = 2, 1
"""Written, and still read: version 1 has symmetric intervals instead of a distribution."""

EXPECTED = "a model trained by llmpert"
KERNEL = "rbf"

MOST_TRAINED = 20_000
"""Perturbations of a model, one a human gene: predictions factorise a matrix of their square."""

LARGEST = 1e38
"""Magnitudes beyond it are refused: float32 ends there."""

WORDS = ("line", "unit")
OPTIONAL = ("cells", "control_mean")
OUTCOMES = "held_out"
"""The array with `TrainedModel.outcomes`."""
UNDEFINED = ("accuracy", "left_out", "signs", "reconstructed", OUTCOMES)
"""Arrays in which numbers may be missing: a correlation with a constant is not defined."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A fitted Gaussian process of one line's responses, as it is kept in a file.

    Attributes:
        fitted: The model. Of the responses it knows their mean and its components (`arrays`).
        sources: Name -> fingerprint of the embeddings it was trained with.
        line, unit, cells, control_mean: Of the screen it was trained on, as in `Screen`.
        left_out: For each training perturbation: correlation over all genes of its response with
            what the others predict for it.
        signs: Training perturbations x what was known of each before its measurement, as a model
            that was not trained on it saw it (`llmpert.insight.reliability`).
        accuracy: Correlation over all genes of their responses with what that model predicted.
        reconstructed: Share of the variance over genes of each response that `reconstruction`
            explains; missing for a response that is the same for all genes.
        provenance: Of the screen and of the embeddings, and the settings of training.
        outcomes: How held-out predictions of the training perturbations turned out
            (`llmpert.evaluation.calibration`), in float32 numbers; older files do not say.
    """

    fitted: FittedModel
    sources: Mapping[str, str]
    line: str
    unit: str
    left_out: pd.Series
    signs: pd.DataFrame
    accuracy: pd.Series
    reconstructed: pd.Series
    cells: np.ndarray | None = None
    control_mean: np.ndarray | None = None
    provenance: Mapping[str, Any] | None = None
    outcomes: pd.DataFrame | None = None

    @classmethod
    def of(
        cls,
        fitted: FittedModel,
        screen: Screen,
        left_out: pd.Series,
        signs: pd.DataFrame,
        accuracy: pd.Series,
        settings: Mapping[str, Any],
        outcomes: pd.DataFrame | None = None,
    ) -> "TrainedModel":
        """Keep a Gaussian process that was fitted to perturbations of a screen.

        Raises:
            InputError: No component of the responses has signal: it predicts their mean.
        """
        if not fitted.model.arrays()["axes"].size:
            raise InputError(
                f"The model of {screen.line} found no signal in the responses: it predicts their"
                " mean for every gene, so there is nothing to store."
            )
        trained = screen.select(list(fitted.trained_on), list(fitted.genes))
        rest = trained.response - reconstruction(fitted)
        variance = trained.response.var(axis=1, dtype=np.float64)
        unexplained = np.square(rest).mean(axis=1) / np.where(variance > 0, variance, np.nan)
        sources = {e.name: e.provenance for e in fitted.known.embeddings}
        return cls(
            fitted,
            {e.name: e.fingerprint for e in fitted.known.embeddings},
            screen.line,
            screen.unit,
            left_out,
            signs,
            accuracy,
            pd.Series(1 - unexplained, index=fitted.trained_on),
            trained.cells,
            trained.control_mean,
            {
                "llmpert": __version__,
                "screen": trained.provenance,
                "embeddings": sources,
                "settings": dict(settings),
                "raised_only": trained.raised_only,
                "simulated": screen.simulated or any(e.simulated for e in fitted.known.embeddings),
            },
            outcomes,
        )

    @property
    def simulated(self) -> bool:
        """Whether any part of what it was trained on comes from a simulation."""
        return bool((self.provenance or {}).get("simulated"))

    @property
    def notes(self) -> list[str]:
        """Notes on its source."""
        screen = (self.provenance or {}).get("screen", {})
        return [str(note) for note in screen.get("notes", ())]

    @property
    def raised_only(self) -> bool:
        """Whether the training responses contain raised genes only, as ranks of these do."""
        return bool((self.provenance or {}).get("raised_only"))

    @property
    def components(self) -> int:
        """Components of the responses that it keeps."""
        return int(self.fitted.model.arrays()["axes"].shape[1])

    def predict(self, genes: str | Sequence[str]) -> Prediction:
        """Predict the responses to knocking down one or more genes, trained on or not.

        A training perturbation, by any of its names, is predicted from all others
        (`FittedModel.predict_left_out`).

        Raises:
            InputError: No gene, or one that is unknown, ambiguous, or lacks a vector.
        """
        return self.fitted.predict_left_out([genes] if isinstance(genes, str) else genes)

    def behind(self, gene: str) -> FittedModel:
        """Return the model that a gene is predicted by: without its own response, if it has one.

        Hyper-parameters, mean and components stay those of all; raise as `predict`.
        """
        fitted, name = self.fitted, self.fitted.known.perturbation(gene)
        if name is None:
            return fitted
        return fitted.conditioned_on(np.flatnonzero(fitted.trained_on != name))

    def responses(self) -> Screen:
        """Return the training responses as far as the model has them (`reconstruction`)."""
        fitted, found = self.fitted, reconstruction(self.fitted)
        return Screen(self.line, found, fitted.trained_on, fitted.genes, self.unit)

    def save(self, path: str | Path) -> None:
        """Write the model; a file is replaced only by a complete one."""
        fitted = self.fitted
        header = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "kernel": KERNEL,
            "line": self.line,
            "unit": self.unit,
            "sources": [*map(list, self.sources.items())],
            "signs": [*self.signs],
            "provenance": self.provenance or {},
        }
        if fitted.bounds is not None:
            # JSON has no infinite numbers.
            header["bounds"] = [x if np.isfinite(x) else None for x in fitted.bounds]
        arrays = fitted.model.arrays()
        # Predictions are linear in them, and nothing is as large.
        arrays["axes"] = arrays["axes"].astype(np.float32)
        arrays |= {
            "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
            "perturbations": fitted.trained_on.astype(str),
            "genes": fitted.genes.astype(str),
            "left_out": self.left_out.to_numpy(np.float64),
            "signs": self.signs.to_numpy(np.float64),
            "accuracy": self.accuracy.to_numpy(np.float64),
            "reconstructed": self.reconstructed.to_numpy(np.float64),
        }
        found = list(fitted.joined.components_.values())
        arrays["source_scales"] = np.array([one.scale_ for one in found])
        for number, one in enumerate(found):
            arrays[f"source_{number}_axes"], arrays[f"source_{number}_mean"] = (
                one.components_, one.mean_,
            )  # fmt: skip
        arrays |= {key: getattr(self, key) for key in OPTIONAL if getattr(self, key) is not None}
        if self.outcomes is not None:
            arrays[OUTCOMES] = _shortened(self.outcomes[[*COLUMNS]].to_numpy(np.float32))
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, digest=_digest(arrays), **arrays)

    @classmethod
    def load(
        cls,
        path: str | Path,
        embeddings: Sequence[Embedding] = (),
        table: GeneTable | None = None,
    ) -> "TrainedModel":
        """Read a model that is ready to predict: `read`, then `knowing`."""
        with naming(Path(path)):
            return cls.read(path).knowing(embeddings, table)

    @classmethod
    def read(cls, path: str | Path) -> "TrainedModel":
        """Read what `save` wrote in this version; it knows no gene's vector yet.

        Raises:
            InputError: It is no such file, or is damaged.
        """
        header, arrays = _read(path)
        names = arrays["perturbations"].astype(object)
        return _restored(header, arrays, GeneVectors(names, (), ()))

    def knowing(
        self, embeddings: Sequence[Embedding] = (), table: GeneTable | None = None
    ) -> "TrainedModel":
        """Return the model with the embeddings it was trained with.

        Args:
            embeddings: Not needed for those that come with llmpert.
            table: Says which names mean the same gene; by default the shipped one.

        Raises:
            InputError: An embedding is another or missing.
        """
        found = []
        for name, mark in self.sources.items():
            offered = [*embeddings, *([built_in(name)] if name in BUILT_IN else [])]
            same = next((one for one in offered if one.fingerprint == mark), None)
            expected = self.fitted.joined.components_[name].components_.shape[1]
            if same is None or same.dimensions != expected:
                others = ", ".join(f"{one.name} ({one.fingerprint})" for one in offered)
                raise InputError(
                    f"Expected the embedding {name} that the model of {self.line} was trained with"
                    f" (fingerprint {shown(mark)}), found {others or 'none of this name'}."
                )
            found.append(same if same.name == name else replace(same, name=name))
        known = GeneVectors.of(self.fitted.trained_on, found, table)
        return replace(self, fitted=replace(self.fitted, known=known))


@dataclass(frozen=True)
class Head:
    """The header of a model's file: fields of `TrainedModel`, and numbers of names."""

    line: str
    unit: str
    trained_on: int
    genes: int
    provenance: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Head":
        """Read it without the model's numbers, whose damage it does not show.

        Raises:
            InputError: It is no such file, or its header is damaged.
        """
        header, arrays = _read(path, ("header", "perturbations", "genes"))
        sizes = arrays["perturbations"].size, arrays["genes"].size
        return cls(str(header["line"]), str(header["unit"]), *sizes, header["provenance"])


def reconstruction(fitted: FittedModel) -> np.ndarray:
    """Return the training responses as far as a file of the model has them, perturbations x genes.

    Their mean, and the components with signal.
    """
    arrays = fitted.model.arrays()
    scale = arrays["scales"][0]
    return arrays["mean"] + scale * arrays["scores"] @ arrays["axes"].T


def _check_header(path: Path, header: Mapping[str, Any]) -> None:
    if header.get("format") != FORMAT:
        raise InputError.of_file(path, EXPECTED, "no mark of it")
    again = "train it again"
    check_version(path, "trained model", header.get("version"), FORMAT_VERSION, again,
        OLDEST_VERSION,
    )  # fmt: skip
    if header["kernel"] != KERNEL:
        raise InputError.of_file(path, f"the kernel {KERNEL}", shown(header["kernel"]))
    sources, signs = header["sources"], header["signs"]
    if not isinstance(sources, list) or not all(
        isinstance(s, list) and len(s) == 2 for s in sources
    ):
        raise InputError.of_file(path, "embeddings by name and fingerprint", shown(sources))
    if not sources:
        raise InputError.of_file(path, "at least one embedding", "none")
    if not isinstance(signs, list):
        raise InputError.of_file(path, "a list of signs", shown(signs))
    check_names(path, "cell line and unit", [header[word] for word in WORDS])
    check_names(path, "embedding", [name for name, _ in sources], unique=True)
    check_names(path, "sign", signs, unique=True)
    check_remarks(path, header["provenance"])
    _bounds(path, header)


def _bounds(path: Path | str, header: Mapping[str, Any]) -> Bounds | None:
    """Return the bounds of the unit that a header states, if any; raise an InputError of others."""
    stated = header.get("bounds")
    if stated is None:
        return None
    kinds = (int, float, type(None))
    if not isinstance(stated, list) or len(stated) != 2 or {*map(type, stated)} - {*kinds}:
        raise InputError.of_file(path, "two numbers as bounds of the unit", shown(stated))
    low, high = stated
    return check_bounds(path, (-np.inf if low is None else low, np.inf if high is None else high))


def _check_arrays(path: Path, arrays: Mapping[str, np.ndarray], sources: int, signs: int) -> None:
    """Refuse arrays that do not fit together, or numbers that no fit gives."""
    for kind in ("perturbations", "genes"):
        if arrays[kind].ndim != 1 or arrays[kind].dtype.kind != "U":
            raise InputError.of_file(path, f"names of {kind}", f"{arrays[kind].dtype}")
        check_names(path, kind[:-1], arrays[kind], unique=True)
    trained, measured = len(arrays["perturbations"]), len(arrays["genes"])
    refuse_more(path, MOST_TRAINED, "training perturbations", trained)
    refuse_more(path, MOST_COLUMNS, "measured genes", measured)
    components, kernels = arrays["level"].size, sources + (sources > 1)
    shapes: dict[str, tuple[int, ...]] = {
        "scores": (trained, components), "level": (components,), "axes": (measured, components),
        "signal": (components,), "noise": (measured,), "mean": (measured,),
        "relative_noise": (trained,), "ratios": (kernels,), "lengthscales": (kernels,),
        "scales": (3,), "left_out": (trained,), "accuracy": (trained,),
        "signs": (trained, signs), "reconstructed": (trained,), "source_scales": (sources,),
    }  # fmt: skip
    strata, bins = arrays["places"].shape if arrays["places"].ndim == 2 else (0, 0)
    shapes |= {
        "departures": (strata,), "places": (strata, bins), "outcomes": (strata, bins, COUNT),
        "standardised": (1,),
    }  # fmt: skip
    if not strata * bins:
        raise InputError.of_file(path, "a distribution of outcomes", "an empty one")
    shapes |= {"cells": (trained,)} if "cells" in arrays else {}
    shapes |= {"control_mean": (measured,)} if "control_mean" in arrays else {}
    shapes |= {OUTCOMES: (trained, len(COLUMNS))} if OUTCOMES in arrays else {}
    inputs = 0
    for number in range(sources):
        axes = arrays[f"source_{number}_axes"]
        rows, columns = axes.shape if axes.ndim == 2 else (0, 0)
        shapes |= {f"source_{number}_axes": (rows, columns), f"source_{number}_mean": (columns,)}
        inputs += rows
    shapes["inputs"] = (trained, inputs)
    for name, shape in shapes.items():
        values = arrays[name]
        if values.dtype.kind != "f" or values.shape != shape:
            expected = f"{' x '.join(map(str, shape))} numbers as {name}"
            raise InputError.of_file(path, expected, f"{values.dtype} of shape {values.shape}")
        fine = np.abs(values) <= LARGEST
        if name in UNDEFINED:
            fine |= np.isnan(values)
        elif name in ("level", "relative_noise", "ratios", "lengthscales", "source_scales"):
            fine &= values > 0
        elif name in ("signal", "noise", "scales", "departures"):
            fine &= values >= 0
        if name in ("departures", "places", "outcomes"):  # ascending
            fine[..., 1:] &= values[..., 1:] >= values[..., :-1]
        if not fine.all():
            raise InputError.of_file(path, f"numbers that a fit gives as {name}", "others")
    if arrays["standardised"][0] not in (0, 1):
        raise InputError.of_file(path, "0 or 1 as standardised", "another number")
    scale, inflation, share = arrays["scales"]
    if not (scale > 0 and inflation > 0 and share < 1):
        raise InputError.of_file(path, "numbers that a fit gives as scales", "others")


def _read(path: str | Path, only: Collection[str] = ()) -> tuple[Remarks, Remarks]:
    """Read the header and the arrays of a file and check them; of `only` some, the header alone."""
    path = require_file(path)
    with as_input_error(path, EXPECTED):
        arrays = Remarks(read_arrays(path, EXPECTED, only))
        header = parse_object(arrays["header"].tobytes())
        _check_header(path, header)
        if only:
            return header, arrays
        if str(arrays.pop("digest", "")) != _digest(arrays):
            raise InputError.of_file(path, EXPECTED, "one that is not what was written")
        if header["version"] == OLDEST_VERSION:
            arrays |= _of_widths(path, arrays.pop("intervals"))
        _check_arrays(path, arrays, len(header["sources"]), len(header["signs"]))
        return header, arrays


def _of_widths(path: Path, intervals: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of the distribution that a file of the oldest version has."""
    if intervals.shape != (99,) or intervals.dtype.kind != "f" or not (intervals >= 0).all():
        raise InputError.of_file(path, "numbers that a fit gives as intervals", "others")
    return Distribution.of_widths(intervals).arrays()


def _restored(
    header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], known: GeneVectors
) -> TrainedModel:
    from llmpert.embeddings.pca import PrincipalComponents
    from llmpert.models.gp.regressor import GaussianProcess

    sources = {str(name): str(mark) for name, mark in header["sources"]}
    components = {
        name: PrincipalComponents.of(
            arrays[f"source_{number}_axes"],
            arrays[f"source_{number}_mean"],
            float(arrays["source_scales"][number]),
        )
        for number, name in enumerate(sources)
    }
    joined, names = JoinedInput().of(components), known.perturbations
    model = GaussianProcess.of_arrays(joined.parts, arrays)
    spec = gaussian_process(model.components)
    signs = pd.DataFrame(arrays["signs"], index=names, columns=header["signs"])
    left_out, accuracy, reconstructed = (
        pd.Series(arrays[key], index=names) for key in ("left_out", "accuracy", "reconstructed")
    )
    genes, outcomes = arrays["genes"].astype(object), None
    if OUTCOMES in arrays:
        outcomes = pd.DataFrame(arrays[OUTCOMES], columns=[*COLUMNS])
        outcomes.insert(0, "perturbation", names)
    return TrainedModel(
        FittedModel(known, model, spec, joined, genes, names, _bounds("", header)),
        sources,
        str(header["line"]),
        str(header["unit"]),
        left_out,
        signs,
        accuracy,
        reconstructed,
        arrays.get("cells"),
        arrays.get("control_mean"),
        header["provenance"],
        outcomes,
    )


def _shortened(values: np.ndarray) -> np.ndarray:
    """Return float32 numbers to three digits: what stands behind these would not compress."""
    kept = (values.view(np.uint32) + 0x1000) & 0xFFFFE000
    return np.where(np.isfinite(values), kept.view(np.float32), values)


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    return fingerprint(*(part for name in sorted(arrays) for part in (name, arrays[name])))
