"""A line predicted with the help of others: what is known of a knockdown, and where.

A knockdown to predict is measured in another line, or in none; and the line has some knockdowns to
learn from, or none. Of these four cases three have names of their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from llmpert.embeddings.elsewhere import MEASURED_IN, PREDICTED_IN, Elsewhere
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.grid import Fit, training_sizes
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.results import COLUMNS
from llmpert.models.registry import EVERY, GAUSSIAN_PROCESS, LINE

MEASURED_ELSEWHERE = "measured elsewhere"
UNSEEN_PERTURBATION, UNSEEN_LINE, BOTH = "unseen perturbation", "unseen line", "both"


def setting(embedding: str, train_size: int) -> str:
    """Return the name of what is not known of a tested knockdown.

    Args:
        embedding: What models were given, as results name it.
        train_size: How many knockdowns of the line they learnt from.
    """
    if train_size == 0:
        return UNSEEN_LINE if MEASURED_IN in embedding else BOTH
    return MEASURED_ELSEWHERE if MEASURED_IN in embedding else UNSEEN_PERTURBATION


def predicted(other: Problem, targets: Problem, hidden: Sequence[str], top: int) -> Elsewhere:
    """Return what another line's Gaussian process predicts of knockdowns, as a source.

    None is predicted from its own response, so that those that the line measured are like those
    that it did not. It is named after the line (`PREDICTED_IN`).

    Args:
        other: The other line's, with embeddings alone.
        targets: Whose perturbations they are.
        hidden: Perturbations whose responses in the other line are not to be known.
        top: Of `Settings`.

    Raises:
        InputError: Fewer than two perturbations of the other line are left, or they tell its model
            nothing.
    """
    every = Settings(n_hvgs=len(other.screen.genes), top=top)
    fitted = Experiment(other, every).fit_all(GAUSSIAN_PROCESS, hidden)
    found = fitted.predict_left_out([str(name) for name in targets.perturbations])
    line, provenance = other.screen.line, Elsewhere.of(other.screen).provenance
    if not np.ptp(found.mean, axis=0).any():
        raise InputError(
            f"{line} cannot predict {targets.screen.line}: a model of its"
            f" {len(fitted.trained_on):,} knockdowns predicts the same for every gene. Leave"
            f" {line} out, or give it more knockdowns."
        )
    return Elsewhere(
        f"{PREDICTED_IN}{line}", targets.perturbations, found.mean, provenance, line, fitted.genes
    )


def hidden(experiment: Experiment, others: Sequence[Problem]) -> list[Experiment]:
    """Return for each fold an experiment in which no line measured what the fold tests.

    Other lines help by what they predict of knockdowns (`predicted`), a further source a line.

    Args:
        experiment: The line's, with embeddings alone.
        others: The other lines' problems, alike.
    """
    found, whole = [], experiment.problem
    for fold in range(experiment.settings.folds):
        tested = [str(name) for name in whole.perturbations[experiment.tested(fold)]]
        top = experiment.settings.top
        sources = [predicted(other, whole, tested, top) for other in others]
        found.append(replace(experiment, problem=whole.joined(sources)))
    return found


def hidden_fits(
    experiments: Sequence[Experiment], models: Sequence[str], sizes: Sequence[int], repeats: int = 1
) -> list[Fit]:
    """Return the fits of `hidden`, each fold's on its own experiment, small training sets first."""
    offered, _ = training_sizes(experiments[0], sizes)
    copied = experiments[0].problem.copied(LINE)
    used = [m for m in models if EVERY[m].uses_embedding or EVERY[m].copies == LINE]
    return [
        Fit(experiment, model, size, fold, repeat)
        for size in offered
        for model in used
        if copied or not EVERY[model].copies
        for repeat in range(repeats)
        for fold, experiment in enumerate(experiments)
    ]


def unseen_line(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """Return how well other lines' responses predict a line of which nothing is known.

    Each source of an experiment that is another line's is copied, measured or predicted; a gene
    that the line did not measure gets no change.

    Args:
        experiments: One a fold; one for all folds is given as often.

    Returns:
        Columns of results, training size 0.
    """
    rows = []
    for fold, experiment in enumerate(experiments):
        for source, prediction in _copies(experiment, fold):
            scores = experiment.score(prediction, fold).melt("perturbation", var_name="metric")
            line = experiment.problem.screen.line
            about = {"line": line, "embedding": source, "model": "copy"}
            rows.append(scores.assign(**about, train_size=0, fold=fold, repeat=0))
    return pd.concat(rows, ignore_index=True)[list(COLUMNS)]


def _copies(experiment: Experiment, fold: int) -> Iterator[tuple[str, Prediction]]:
    problem, rows = experiment.problem, experiment.tested(fold)
    genes = problem.screen.genes[experiment.scored_genes(fold)]
    for source in problem.embeddings:
        if isinstance(source, Elsewhere):
            columns = pd.Index(source.measured).get_indexer(genes)
            copied = problem.vectors[source.name][rows][:, columns]
            mean = np.where(columns < 0, 0, copied).astype(np.float32)
            yield source.name, Prediction(problem.perturbations[rows], genes, mean, None)
