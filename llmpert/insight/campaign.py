"""What a campaign would have reached on a measured screen, by how its knockdowns are chosen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, FittedModel
from llmpert.evaluation.metrics import pearson
from llmpert.insight.design import MOST_TARGETS, Ground, reduction
from llmpert.models.gp.design import Belief, choose
from llmpert.models.registry import GAUSSIAN_PROCESS

SIZES = (25, 50, 100, 150, 200, 300)
REPEATS = 10
SEEDS = 5
"""Genes of the list that the most similar ones are chosen by."""

CHOSEN, RANDOM, LARGEST, CENTRES, SIMILAR = (
    "integrated variance", "random", "largest variance", "k-centre", "most similar to a list",
)  # fmt: skip
WIDE = "integrated variance over all genes"
"""Those with a vector, and not of the screen alone."""

STRATEGIES = (CHOSEN, WIDE, RANDOM, LARGEST, CENTRES, SIMILAR)


@dataclass(frozen=True, eq=False)
class Campaign:
    """Knockdowns of a fold's training part that are made step by step; its test part judges them.

    Nothing is used of a response before its knockdown is chosen: hyper-parameters are those of a
    fit to what was chosen before, and those of a kernel of which nothing is known (`Belief.before`)
    for the first step; that towards the largest variance is random. Variance is integrated over the
    responses to all knockdowns of the screen, test ones among them, of which only vectors enter:
    the campaign is to tell of these. Which genes are scored is that of the whole fold, the same for
    all ways to choose.

    Attributes:
        fold: Of the experiment.
        seed: Of what is random.
    """

    experiment: Experiment
    fold: int
    seed: int = 0

    @cached_property
    def _pool(self) -> np.ndarray:
        """The rows of the screen to choose from."""
        return self.experiment.split(2, self.fold).train_pool

    @cached_property
    def _ground(self) -> Ground:
        """All genes: those of the screen come last, in its order."""
        problem = self.experiment.problem
        own, joined = problem.inputs(self.experiment.settings.components)
        unseen = problem.unseen()
        others = [joined.transform(problem.find_all(unseen))] if unseen else []
        inputs = np.concatenate([*others, own])
        names = np.array([*unseen, *problem.perturbations], dtype=object)
        belief = Belief.before(joined.parts, inputs)
        return Ground(names, inputs.astype(np.float32), np.zeros(len(names), bool), belief)

    def steps(self, strategy: str, sizes: Sequence[int]) -> Iterator[tuple[np.ndarray, float]]:
        """Yield the rows of the screen that were chosen by each size, and the accuracy they give.

        Accuracy is the mean over test knockdowns of the correlation over all scored genes.

        Raises:
            InputError: There are fewer knockdowns to choose from, or no such strategy.
        """
        if not sizes or sizes[0] < 2 or sizes[-1] > len(self._pool):
            raise InputError(
                f"Expected sizes from 2 to {len(self._pool):,}, the knockdowns to choose from,"
                f" found {', '.join(map(str, sizes)) or 'none'}."
            )
        chosen, fitted = np.array([], dtype=int), None
        order = self._order(strategy)
        for size in sizes:
            count = size - len(chosen)
            more = order[len(chosen) : size] if len(order) else self._next(
                strategy, chosen, fitted, count
            )  # fmt: skip
            chosen = np.append(chosen, more)
            fitted = self.experiment.fit_rows(GAUSSIAN_PROCESS, np.sort(chosen), self.fold)
            yield chosen, self._accuracy(fitted)

    def _accuracy(self, fitted: FittedModel) -> float:
        experiment = self.experiment
        test, screen = experiment.tested(self.fold), experiment.problem.screen
        predicted = fitted.predict(list(screen.perturbations[test])).mean
        measured = screen.response[test][:, experiment.scored_genes(self.fold)]
        return float(np.nanmean(pearson(predicted, measured)))

    def _order(self, strategy: str) -> np.ndarray:
        """Return all rows in the order in which they are chosen; none where responses tell it."""
        random = np.random.default_rng([self.seed, self.fold])
        if strategy == RANDOM:
            return random.permutation(self._pool)
        if strategy in (CHOSEN, WIDE, LARGEST):
            return np.array([], dtype=int)
        inputs = torch.from_numpy(self._ground.inputs[self._rows(self._pool)])
        alike = self._ground.belief.kernel(inputs, inputs).numpy()
        if strategy == SIMILAR:
            seeds = random.permutation(len(alike))[:SEEDS]
            return self._pool[np.argsort(-alike[seeds].max(axis=0), kind="stable")]
        if strategy != CENTRES:
            raise InputError(f"Expected one of {', '.join(STRATEGIES)}, found {strategy!r}.")
        order = [int(alike.mean(axis=0).argmax())]
        nearest = alike[order[0]].copy()
        while len(order) < len(alike):
            nearest[order] = np.inf
            order.append(int(nearest.argmin()))
            nearest = np.maximum(nearest, alike[order[-1]])
        return self._pool[order]

    def _rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows in the ground of rows of the screen."""
        return rows + len(self._ground.names) - len(self.experiment.problem.perturbations)

    def _next(
        self, strategy: str, chosen: np.ndarray, fitted: FittedModel | None, count: int
    ) -> np.ndarray:
        """Return the rows of the screen that are chosen next."""
        if strategy == LARGEST and fitted is None:
            # With all sources alike the largest are outliers alone.
            return self._order(RANDOM)[:count]
        ground = self._ground
        # Where no component has signal nothing was learnt of hyper-parameters.
        if known := fitted is not None and len((learnt := fitted.model.belief()).levels) > 0:
            ground = replace(ground, belief=learnt.grouped())
        left = np.setdiff1d(self._pool, chosen)
        offered = left if known else np.append(left, chosen)
        own = self._rows(np.arange(len(self.experiment.problem.perturbations)))
        counts, most = np.zeros(len(ground.names)), 2 if strategy == LARGEST else MOST_TARGETS
        counts[slice(None) if strategy == WIDE else own] = 1
        found = reduction(ground, self._rows(offered), counts, most)
        if not known:
            for row in range(len(left), len(offered)):
                found.add(row)
        before = len(found.chosen)
        if strategy != LARGEST:
            choose(found, count)
        else:
            for _ in range(count):
                variance = found.largest().numpy()
                variance[found.chosen] = -1
                found.add(int(variance.argmax()))
        return offered[found.chosen[before:]]


def campaign(
    experiment: Experiment,
    strategies: Sequence[str] = STRATEGIES,
    sizes: Sequence[int] = SIZES,
    repeats: int = REPEATS,
    progress: Callable[[str, int], None] = lambda strategy, repeat: None,
) -> pd.DataFrame:
    """Return how accurate a model becomes, by how its knockdowns are chosen.

    Each fold tests every strategy; of random choices there are `repeats`, folds in turn.

    Returns:
        Columns strategy, repeat, fold, knockdowns and r. Raises as `Campaign.steps`.
    """
    folds, rows = experiment.settings.folds, []
    for strategy in strategies:
        for repeat in range(max(repeats, folds) if strategy == RANDOM else folds):
            progress(strategy, repeat)
            fold = repeat % folds
            steps = Campaign(experiment, fold, repeat).steps(strategy, sizes)
            for size, (_, r) in zip(sizes, steps, strict=True):
                rows.append((strategy, repeat, fold, size, r))
    return pd.DataFrame(rows, columns=["strategy", "repeat", "fold", "knockdowns", "r"])


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return strategy, knockdowns, r, se (its standard error) and as_random of a `campaign`.

    The last is how many random knockdowns give the same accuracy: between sizes on a straight line,
    missing where it is outside what random ones reach.
    """
    groups = found.groupby(["strategy", "knockdowns"], sort=False)["r"]
    table = groups.agg(r="mean", se="sem").reset_index()
    random = table[table["strategy"] == RANDOM]
    table["as_random"] = np.nan
    if len(random):
        reached = np.maximum.accumulate(random["r"].to_numpy())
        table["as_random"] = np.interp(
            table["r"], reached, random["knockdowns"], left=np.nan, right=np.nan
        )
    return table
