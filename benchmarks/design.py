"""How soon the next knockdowns are chosen, and what is lost by not looking at every gain.

    python -m benchmarks.design [--write]

50 knockdowns by the model of K562 that comes with llmpert, of every human gene with a vector that
it was not trained on, and what they are worth beside choices that are exact: every gain is
computed anew for every choice, with a noise level for each component.
"""

from dataclasses import replace
from time import perf_counter

import click
import numpy as np

from benchmarks.page import markdown, publish, to_pages
from llmpert.datasets import DatasetStore
from llmpert.datasets.builtin import RANKS
from llmpert.insight.design import MOST_TARGETS, Ground, plan, reduction
from llmpert.models.gp.design import choose

BUDGET = 50
FEWER, TARGETS = 500, 500
"""Candidates and targets of the exact choices."""


def rows() -> list[list[str]]:
    """Return how long choices take, and how much of the best they reach."""
    fitted = DatasetStore().load(RANKS).trained["K562"].fitted
    start = perf_counter()
    ground = Ground.of(fitted, fitted.known.unseen())
    prepared, start = perf_counter() - start, perf_counter()
    chosen = reduction(ground, ground.open, np.ones(len(ground.names)), MOST_TARGETS)
    choose(chosen, BUDGET)
    seconds, start = perf_counter() - start, perf_counter()
    plan(ground, BUDGET)
    whole = perf_counter() - start
    some = ground.open[:: -(-len(ground.open) // FEWER)]
    counts = np.ones(len(ground.names))
    every = replace(ground, belief=fitted.model.belief())
    lazy, exact = reduction(ground, some, counts, TARGETS), reduction(every, some, counts, TARGETS)
    choose(lazy, BUDGET)
    best = choose(exact, BUDGET, exact=True).sum()
    anew = reduction(every, some, counts, TARGETS)
    reached = anew.taken_by(np.array(lazy.chosen)).sum()
    return [
        ["what", "result"],
        [f"{len(ground.names):,} genes are looked up, once", f"{prepared:.1f} s"],
        [
            f"{BUDGET} of {len(ground.open):,} candidates are chosen, the first time",
            f"{seconds:.1f} s",
        ],
        ["again, and ten random plans beside them", f"{whole:.1f} s"],
        [
            f"gain of {BUDGET} of {len(some):,} candidates, of exact choices",
            f"{reached / best:.2%}",
        ],
        ["of them chosen by both", f"{len({*lazy.chosen} & {*exact.chosen})}"],
    ]


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the table."""
    publish("benchmarks.design", markdown(rows()), write)


if __name__ == "__main__":
    main()
