"""Build the results that come with the trained models: every model on the rank-score benchmark.

Run from the repository's root, with the benchmark's folder; about half an hour on two cores:

    LLMPERT_REAL_DATA=FOLDER python -m data.build_rank_results

The benchmark is of Replogle et al. 2022 (CC BY 4.0), K562 and RPE1, as ranked by sigrecon: a
response is a rank score of the 1,000 genes that a knockdown raises most. Every model is
evaluated by 5-fold cross-validation, seed 0:

- on the embeddings that come with llmpert, one by one and together, at growing training sizes, on
  the perturbations that have both;
- on six embeddings that the benchmark brings, and all of them together, at the largest training
  size, on the perturbations that have all six. Their names begin with "benchmark".

- at the largest training size also as copied from the other line, which then is known, and by the
  Gaussian process with that as a source, alone and beside the embeddings that come with llmpert.

Their summary (`llmpert.evaluation.results.summarise`) becomes a part of the data set
`data/replogle-2022-ranks/`: means over folds with standard errors, no response and no prediction.
Finished fits are kept in the data folder (LLMPERT_HOME): a
run that is stopped goes on where it was.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from tqdm import tqdm

from benchmarks import real
from llmpert.datasets import Dataset
from llmpert.datasets.builtin import RANKS
from llmpert.datasets.store import Index
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import Fit, grid, run
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.results import ResultsSummary, summarise
from llmpert.evaluation.splits import learning_curve_sizes
from llmpert.io.paths import shipped
from llmpert.models.registry import GAUSSIAN_PROCESS, MODELS

FOLDER = shipped() / RANKS
FILE = FOLDER / "results.parquet"
PREFIX = "benchmark "

COPIES = ["copy", "copy-centred", "copy-shrunk"]
"""Of the other line: why one score is not enough."""


def fits() -> tuple[list[Fit], list[Fit]]:
    """Return the fits on embeddings that come with llmpert, and those on the benchmark's own."""
    data = real.read()
    own = {PREFIX + name: replace(e, name=PREFIX + name) for name, e in data.embeddings.items()}
    known = {name: built_in(name) for name in BUILT_IN}
    screens = data.screens.values()
    ours = _experiments([Problem.align(s, list(known.values())) for s in screens], list(known))
    theirs = _experiments([Problem.align(s, list(own.values())) for s in screens], list(own))
    largest = min(one.largest_training_size for one in ours)
    sizes = [size for size in learning_curve_sizes(largest) if size < largest]
    models = list(MODELS)
    both = Dataset("", data.screens, known)
    known_there = [both.elsewhere(line) for line in data.screens]
    alone = [problem.only(problem.embeddings[-1].name) for problem in known_there]
    elsewhere = [Experiment(problem) for problem in (*known_there, *alone)]
    at_largest = grid(ours, [*models, "stack"], [largest])
    at_largest += grid(elsewhere, [*COPIES, GAUSSIAN_PROCESS], [largest])
    joined = grid(theirs[len(own) :: len(own) + 1], ["stack"], [])
    return grid(ours, models, sizes) + at_largest, grid(theirs, models, []) + joined


def _experiments(problems: Sequence[Problem], names: Sequence[str]) -> list[Experiment]:
    choices = [[name] for name in names] + [list(names)]
    return [Experiment(problem.only(*choice)) for problem in problems for choice in choices]


def notes(ours: Sequence[Fit], theirs: Sequence[Fit], stand_ins: Sequence[str]) -> list[str]:
    """Return what captions say of the scores; `stand_ins` are embeddings."""
    count, own = (len(fits[0].experiment.problem.screen.perturbations) for fits in (ours, theirs))
    size = max(fit.train_size for fit in theirs)
    return [
        "Responses are rank scores of the 1,000 genes that a knockdown raises most (Replogle et al."
        " 2022, CC BY 4.0, as ranked by sigrecon); its top 20 DE genes are the 20 it raises most."
        f" Computed by this program on {count} knockdowns.",
        f"Embeddings named {PREFIX}…, where they are shown, are the benchmark's own six, on the"
        f" {own} knockdowns that have all of them, {size} to train on;"
        f" {' and '.join(stand_ins)} are stand-ins.",
    ]


def main() -> None:
    """Make the fits that are not kept yet, and write the summary of all."""
    parts: list[pd.DataFrame] = []
    about: dict[str, Any] = {}  # what the first group is about, and the embeddings of both
    groups = fits()
    for group in groups:
        with tqdm(total=len(group), unit="fit") as bar:
            results = run(group, lambda done, total, label, bar=bar: bar.update(done - bar.n))
        parts.append(summarise(results.table))
        about = about or results.about
        about["embeddings"] |= results.about["embeddings"]
    table = pd.concat(parts, ignore_index=True)
    # The first group has the models without an embedding at the sizes that the pages offer.
    table = table.drop_duplicates(["line", "embedding", "model", "train_size", "metric"])
    joint = "+".join(PREFIX + name for name in real.EMBEDDINGS)
    table["embedding"] = table["embedding"].astype(str).replace(joint, f"{PREFIX}(all six)")
    numbers = ["mean", "se", "ci95"]
    table[numbers] = table[numbers].round(4)
    stand_ins = [name for name, of in about["embeddings"].items() if of["stand_in"]]
    ResultsSummary(table, about | {"notes": notes(*groups, stand_ins)}).save(FILE)
    Index(FOLDER, {**Index.read(FOLDER).files, "results": {"results": FILE}}).write()
    print(f"{FILE}: {len(table):,} rows, {FILE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
