"""Learning curves: every model at every training size, fold and repeat."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from llmpert.downloads import download_fields
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.results import COLUMNS, NO_EMBEDDING, Results
from llmpert.models.registry import CONTROL_CELLS, EVERY, LINE
from llmpert.parallel import Run, run_serially

Progress = Callable[[int, int, str], None]
"""Called with fits done, fits in all, and what is being fitted."""


_NEEDS = {
    LINE: "predicts what was measured elsewhere: expected the responses of another line as a source"
          " (evaluate --elsewhere)",
    CONTROL_CELLS: "predicts from unperturbed cells: expected a screen that knows how genes vary"
                   " together over control cells (pseudobulk --covariance)",
}  # fmt: skip
"""What models that copy (`ModelSpec.copies`) expect."""


@dataclass(frozen=True)
class Fit:
    """One cell of a grid."""

    experiment: Experiment
    model: str
    train_size: int
    fold: int
    repeat: int

    @property
    def embedding(self) -> str:
        """The name of the embedding in results."""
        problem, spec = self.experiment.problem, EVERY[self.model]
        if spec.uses_embedding:
            return problem.embedding_name
        source = problem.copied(spec.copies) if spec.copies else None
        return source.name if source else NO_EMBEDDING

    @property
    def label(self) -> str:
        """The fit in words, for progress displays."""
        line = self.experiment.problem.screen.line
        on = f" on {self.embedding}" if self.embedding != NO_EMBEDDING else ""
        return (
            f"{line}: {EVERY[self.model].label}{on}, {self.train_size} training perturbations,"
            f" fold {self.fold + 1}, repeat {self.repeat + 1}"
        )

    @property
    def key(self) -> str:
        """The name under which its scores are kept."""
        part = self.experiment.split(self.train_size, self.fold, self.repeat)
        return self.experiment.key(self.model, part)


def training_sizes(
    experiment: Experiment, requested: Sequence[int]
) -> tuple[list[int], dict[int, int]]:
    """Cut training sizes to what every fold can offer; the largest one where none is requested.

    Return the sizes, ascending, and those that were too large -> what stands in for them; raise
    `InputError` where a size is below 2 or the folds offer no more.
    """
    largest = experiment.largest_training_size
    if largest < 2:
        raise InputError(
            f"Expected folds that leave at least 2 perturbations to train on, found"
            f" {experiment.settings.folds} folds of {len(experiment.problem.screen.perturbations)}"
            f" perturbations of {experiment.problem.screen.line}."
        )
    small = [size for size in requested if size < 2]
    if small:
        raise InputError(f"Expected training sizes of at least 2, found {small[0]}.")
    replaced = {size: largest for size in requested if size > largest}
    return sorted({min(size, largest) for size in requested} or {largest}), replaced


def grid(
    experiments: Sequence[Experiment],
    models: Sequence[str],
    sizes: Sequence[int],
    repeats: int = 1,
) -> list[Fit]:
    """Return all fits of an evaluation, small training sets first.

    Experiments may differ in line and embeddings. Models without embedding are fitted once for all
    experiments on the same screen, those that copy another line where one is a source.

    Raises:
        InputError: No experiment or model, an unknown model, fewer than one repeat, or experiments
            whose results could not be separated or compared.
    """
    if not experiments or not models:
        raise InputError(
            f"Expected at least one experiment and one model, found {len(experiments)} and"
            f" {len(models)}."
        )
    unknown = [model for model in models if model not in EVERY]
    if unknown:
        raise InputError(f"Expected models among {', '.join(EVERY)}, found {unknown[0]}.")
    for model in models:
        copies = EVERY[model].copies
        if copies and not any(one.problem.copied(copies) for one in experiments):
            raise InputError(f"Model {model} {_NEEDS[copies]}, found none.")
    if repeats < 1:
        raise InputError(f"Expected at least 1 repeat, found {repeats}.")
    _check_comparable(experiments)
    fits: dict[tuple[str, str, str, int, int, int], Fit] = {}
    for experiment in experiments:
        offered, _ = training_sizes(experiment, sizes)
        for size in offered:
            for model in models:
                copies = EVERY[model].copies
                if copies and not experiment.problem.copied(copies):
                    continue
                for repeat in range(repeats):
                    for fold in range(experiment.settings.folds):
                        fit = Fit(experiment, model, size, fold, repeat)
                        screen = experiment.problem.screen.fingerprint
                        fits.setdefault((screen, fit.embedding, model, size, fold, repeat), fit)
    return sorted(fits.values(), key=lambda fit: fit.train_size)


def _check_comparable(experiments: Sequence[Experiment]) -> None:
    """Raise unless each name of a line and an embedding means one thing, in one setting."""
    if len({experiment.settings for experiment in experiments}) > 1:
        raise InputError("Expected one set of settings for all experiments, found several.")
    problems = [experiment.problem for experiment in experiments]
    meanings = [(p.screen.line, p.screen.fingerprint) for p in problems]
    meanings += [(f"{p.screen.line} with {p.embedding_name}", p.fingerprint) for p in problems]
    known: dict[str, str] = {}
    for name, meaning in meanings:
        if known.setdefault(name, meaning) != meaning:
            raise InputError(
                f"Expected the same perturbations, responses and vectors wherever {name} is"
                " evaluated, found different ones: give them different names, or cut them to the"
                " perturbations they share."
            )


def run(
    fits: Sequence[Fit],
    progress: Progress = lambda done, total, label: None,
    somewhere: Run = run_serially,
    metrics: Collection[str] | None = None,
) -> Results:
    """Make the fits that are not kept yet and gather the scores of all.

    Fits are made `somewhere`, and each is kept at once: a run that is stopped goes on where it was.
    Scores that a fit was kept without, by an older version, are missing.

    Args:
        metrics: Names of the scores to gather; None for all.
    """
    scores = [fit.experiment.store.scores(fit.key) for fit in fits]
    missing = [place for place, kept in enumerate(scores) if kept is None]
    experiments = list(dict.fromkeys(fit.experiment for fit in fits))
    items = [
        (experiments.index(fit.experiment), fit.model, fit.train_size, fit.fold, fit.repeat)
        for fit in (fits[place] for place in missing)
    ]
    done, labels = len(fits) - len(missing), [*(fits[place].label for place in missing), "done"]
    progress(done, len(fits), labels[0])
    for count, (position, found) in enumerate(somewhere(_scores, experiments, items), 1):
        fit = fits[missing[position]]
        # A worker on another machine may have a folder of its own.
        if somewhere is not run_serially and not fit.experiment.store.has_scores(fit.key):
            fit.experiment.store.put_scores(fit.key, found)
        scores[missing[position]] = found
        progress(done + count, len(fits), labels[count])
    wanted = [part for part in scores if part is not None]
    if metrics is not None:
        wanted = [part[[c for c in part if c == "perturbation" or c in metrics]] for part in wanted]
    return Results(_tidy(fits, wanted), about(fits))


def _scores(experiments: list[Experiment], item: tuple[int, str, int, int, int]) -> pd.DataFrame:
    number, model, train_size, fold, repeat = item
    return experiments[number].scores(model, train_size, fold, repeat)


def _tidy(fits: Sequence[Fit], scores: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join the scores of all fits: a row a fit, metric and perturbation, in this order."""
    metrics = [list(part.columns[1:]) for part in scores]
    tests = [len(part) for part in scores]
    rows = [count * len(names) for count, names in zip(tests, metrics, strict=True)]
    # Millions of rows repeat a few names, so names are numbered first and repeated as numbers.
    codes, names = pd.factorize(
        np.concatenate([np.asarray(part["perturbation"]) for part in scores])
    )
    of_fit = np.split(codes, np.cumsum(tests)[:-1])
    tiled = [np.tile(part, len(m)) for part, m in zip(of_fit, metrics, strict=True)]
    columns = {
        "line": _repeat([fit.experiment.problem.screen.line for fit in fits], rows),
        "embedding": _repeat([fit.embedding for fit in fits], rows),
        "model": _repeat([fit.model for fit in fits], rows),
        "train_size": np.repeat([fit.train_size for fit in fits], rows),
        "fold": np.repeat([fit.fold for fit in fits], rows),
        "repeat": np.repeat([fit.repeat for fit in fits], rows),
        "perturbation": pd.Categorical.from_codes(np.concatenate(tiled), pd.Index(names)),
        "metric": _repeat(
            [name for m in metrics for name in m],
            [count for count, m in zip(tests, metrics, strict=True) for _ in m],
        ),
        "value": np.concatenate(
            [part.iloc[:, 1:].to_numpy(np.float64).T.ravel() for part in scores]
        ),
    }
    return pd.DataFrame(columns)[list(COLUMNS)]


def _repeat(values: Sequence[str], counts: Sequence[int]) -> pd.Categorical:
    codes, names = pd.factorize(np.array(values, dtype=object))
    return pd.Categorical.from_codes(np.repeat(codes, counts), pd.Index(names))


def about(fits: Sequence[Fit]) -> dict[str, Any]:
    """Describe what results of these fits are about: data, whether simulated, settings."""
    problems = list(dict.fromkeys(fit.experiment.problem for fit in fits))
    screens = {p.screen.line: p.screen for p in problems}
    embeddings = {e.name: e for p in problems for e in p.embeddings}
    return {
        "simulated": any(p.simulated for p in problems),
        "lines": {
            line: {
                "source": screen.provenance.get("source", ""),
                "unit": screen.unit,
                "fingerprint": screen.fingerprint,
                "perturbations": len(screen.perturbations),
                **_download(screen.provenance),
            }
            for line, screen in screens.items()
        },
        "embeddings": {
            name: {
                "source": embedding.provenance.get("source", ""),
                "stand_in": bool(embedding.provenance.get("stand_in", False)),
                "fingerprint": embedding.fingerprint,
                **_download(embedding.provenance),
            }
            for name, embedding in embeddings.items()
        },
        "settings": fits[0].experiment.settings.record() if fits else {},
    }


def _download(provenance: Mapping[str, Any]) -> dict[str, str]:
    download = download_fields(provenance)
    return {f"download_{name}": download[name] for name in ("url", "md5") if download}
