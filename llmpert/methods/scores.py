"""Predictions of external methods, matched with a screen and scored as every other model is."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.results import COLUMNS, NO_EMBEDDING
from llmpert.evaluation.splits import nearest_size
from llmpert.genes import GeneTable
from llmpert.io.names import preview
from llmpert.methods.predictions import ExternalPredictions
from llmpert.screens.screen import Screen


def matched(
    predictions: ExternalPredictions, screen: Screen, table: GeneTable | None = None
) -> ExternalPredictions:
    """Return the predictions under a screen's names and in its order, without other genes.

    Names meet where they are spelt alike, else where they mean the same gene in `table` (by default
    llmpert's own).

    Raises:
        InputError: Line or unit are not the screen's, no perturbation or gene is, two rows or
            columns mean one of the screen's, or a fold predicts a gene that it was trained on under
            whatever name.
    """
    table, source = table or GeneTable.shipped(), predictions.source
    for part, mine, its in (
        ("of", predictions.line, screen.line),
        ("in the unit of the screen,", predictions.unit, screen.unit),
    ):
        if mine != its:
            raise InputError.of_file(source, f"predictions {part} {its}", mine)
    every: set[str] = set().union(predictions.perturbations, *predictions.trained_on.values())
    gene = {name: name for name in every} | table.symbols(every)
    spelt = table.spelt_as(every, screen.perturbations)
    for fold, names in predictions.trained_on.items():
        known = {gene[name] for name in names}
        predicted = predictions.perturbations[predictions.fold == fold]
        both = [str(name) for name in predicted if gene[name] in known]
        if both:
            raise predictions.overlap(fold, both)
        # Misspelt names would match nothing and could hide an overlap.
        if not any(name in spelt for name in names):
            raise InputError.of_file(
                source,
                f"perturbations of {screen.line} among those that fold {fold} was trained on"
                f" ({preview(screen.perturbations)})",
                f"only others ({preview(names)})",
            )
    rows = _positions(
        source, "perturbation", predictions.perturbations, screen.perturbations, spelt
    )
    spelt_genes = table.spelt_as(predictions.genes, screen.genes)
    columns = _positions(source, "gene", predictions.genes, screen.genes, spelt_genes)
    return replace(
        predictions,
        perturbations=rows.index.to_numpy(),
        genes=columns.index.to_numpy(),
        delta=predictions.delta[rows.to_numpy()][:, columns.to_numpy()],
        fold=predictions.fold[rows.to_numpy()],
        trained_on={
            fold: np.array([spelt.get(name, name) for name in names])
            for fold, names in predictions.trained_on.items()
        },
    )


def _positions(
    source: str, kind: str, names: np.ndarray, wanted: np.ndarray, spelt: dict[str, str]
) -> pd.Series:
    """Return where the screen's names are among the predictions', by name in the screen's order."""
    meant = pd.Series([spelt.get(name) for name in names], dtype=object).dropna()
    if meant.empty:
        raise InputError.of_file(
            source, f"a {kind} of the screen ({preview(wanted)})", f"only others ({preview(names)})"
        )
    # The screen's own spelling wins over other names of the same gene.
    exact = meant[meant == names[meant.index]]
    meant = pd.concat([exact, meant[~meant.isin(exact)]])
    for name in meant[meant.duplicated()]:
        same = names[meant.index[meant == name]]
        raise InputError.of_file(source, f"one {kind} that means {name}", preview(same))
    found = pd.Series(meant.index, meant)
    return found[[name for name in wanted if name in found]]


def not_predicted(predictions: ExternalPredictions, screen: Screen) -> list[str]:
    """Return the perturbations of a screen that matched predictions lack, in its order."""
    names = screen.perturbations
    return [str(name) for name in names[~pd.Index(names).isin(predictions.perturbations)]]


def check(
    predictions: ExternalPredictions, experiment: Experiment, allow_missing: bool = False
) -> None:
    """Raise unless matched predictions can be scored beside every other model.

    Raises:
        InputError: A gene on which a fold is scored is not predicted, no perturbation of the
            experiment is, or not all are and `allow_missing` does not say that this is known.
    """
    screen = experiment.problem.screen
    scored: set[str] = set()
    absent: set[str] = set()
    for fold in range(experiment.settings.folds):
        genes = screen.genes[experiment.scored_genes(fold)[0]]
        test = screen.perturbations[experiment.tested(fold)]
        rows = pd.Index(predictions.perturbations).isin(test)
        known = predictions.genes[~np.isnan(predictions.delta[rows]).any(axis=0)]
        scored.update(genes)
        absent.update(genes[~pd.Index(genes).isin(known)])
    if absent:
        raise InputError.of_file(
            predictions.source,
            f"predictions of the {len(scored):,} genes on which models of {screen.line} are scored",
            f"{len(absent):,} of them missing: {preview(sorted(absent))}",
        )
    missing = not_predicted(predictions, screen)
    count = len(screen.perturbations)
    if len(missing) == count or (missing and not allow_missing):
        raise InputError.of_file(
            predictions.source,
            f"predictions of all {count:,} perturbations of {screen.line} that models are tested"
            " on (or that some are knowingly left out, by --allow-missing)",
            f"{len(missing):,} of them missing: {preview(missing)}",
        )


def scores(
    predictions: ExternalPredictions, experiment: Experiment, train_size: int | None = None
) -> pd.DataFrame:
    """Score matched predictions on the genes and by the metrics of every other model.

    Returns:
        The columns `llmpert.evaluation.results.COLUMNS`: the model is the method, `fold` the
        experiment's that tests the perturbation, `repeat` 0, the training size the given one or
        that of the predictions. What is not predicted has no rows.

    Raises:
        InputError: A gene on which a fold is scored is not predicted.
    """
    names = experiment.problem.screen.perturbations
    parts = []
    for fold in range(experiment.settings.folds):
        test = names[experiment.tested(fold)]
        rows = np.flatnonzero(pd.Index(predictions.perturbations).isin(test))
        if not len(rows):
            continue
        found = Prediction(
            predictions.perturbations[rows], predictions.genes, predictions.delta[rows], None
        )
        values = experiment.score(found, fold)
        parts.append(values.melt("perturbation", var_name="metric").assign(fold=fold))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True).assign(
        line=predictions.line,
        embedding=NO_EMBEDDING,
        model=predictions.method,
        train_size=predictions.train_size if train_size is None else train_size,
        repeat=0,
    )[list(COLUMNS)]


def held_out(
    predictions: ExternalPredictions, experiment: Experiment, perturbation: str
) -> Prediction | None:
    """Return what matched predictions say of one perturbation, at the genes it is scored on.

    None where they do not have it.

    Raises:
        InputError: The perturbation is not among the experiment's.
    """
    genes = experiment.problem.screen.genes
    genes = genes[experiment.scored_genes(experiment.fold_of(perturbation))[0]]
    row = np.flatnonzero(predictions.perturbations == perturbation)
    if not len(row):
        return None
    columns = pd.Index(predictions.genes).get_indexer(genes)
    return Prediction(
        predictions.perturbations[row], genes, predictions.delta[row][:, columns], None
    )


def by_size(
    every: Iterable[ExternalPredictions], sizes: Sequence[int]
) -> dict[tuple[str, int], ExternalPredictions]:
    """Return the predictions of a line by method and training size.

    What was trained on another number than `sizes` counts as `nearest_size` says; of several that
    count as one size the nearest is taken.
    """
    found: dict[tuple[str, int], ExternalPredictions] = {}
    for one in every:
        size = nearest_size(one.train_size, sizes)
        known = found.setdefault((one.method, size), one)
        if abs(one.train_size - size) < abs(known.train_size - size):
            found[one.method, size] = one
    return found
