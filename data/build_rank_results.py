"""Build `data/rank_results.parquet`: scores of every model on the rank-score benchmark.

Run from the repository's root, with the benchmark's folder; about half an hour on two cores:

    LLMPERT_REAL_DATA=FOLDER python -m data.build_rank_results

The benchmark is of Replogle et al. 2022 (CC BY 4.0), K562 and RPE1, as ranked by sigrecon: a
response is a rank score of the 1,000 genes that a knockdown raises most. Every model is
evaluated by 5-fold cross-validation, seed 0:

- on the embeddings that come with llmpert, one by one and together, at growing training sizes, on
  the perturbations that have both;
- on six embeddings that the benchmark brings, and all of them together, at the largest training
  size, on the perturbations that have all six. Their names begin with "benchmark".

It writes their summary (`llmpert.evaluation.results.summarise`): means over folds with standard
errors, no response and no prediction. Finished fits are kept in the data folder (LLMPERT_HOME): a
run that is stopped goes on where it was.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
from tqdm import tqdm

from benchmarks import real
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import Fit, grid, run
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.results import summarise, write_table
from llmpert.evaluation.splits import learning_curve_sizes
from llmpert.io.atomic import atomic_path
from llmpert.io.paths import shipped
from llmpert.models.registry import MODELS

FILE = shipped() / "rank_results.parquet"
PREFIX = "benchmark "


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
    return grid(ours, models, sizes) + grid(ours, models, [largest]), grid(theirs, models, [])


def _experiments(problems: Sequence[Problem], names: Sequence[str]) -> list[Experiment]:
    choices = [[name] for name in names] + [list(names)]
    return [Experiment(problem.only(*choice)) for problem in problems for choice in choices]


def main() -> None:
    """Make the fits that are not kept yet, and write the summary of all."""
    parts, about = [], {}  # what the first group is about, and the embeddings of both
    for group in fits():
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
    with atomic_path(FILE) as temporary:
        write_table(table, temporary, {"about": json.dumps(about)})
    print(f"{FILE}: {len(table):,} rows, {FILE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
