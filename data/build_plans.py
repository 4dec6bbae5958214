"""Plan the next knockdowns with the models that come with llmpert: `data/replogle-2022-ranks/`.

Run from the repository's root after `data.build_trained_models`; ten seconds:

    python -m data.build_plans

The plan that the page *Plan a screen* shows first, so that nobody waits for it.
"""

from llmpert.datasets import DatasetStore
from llmpert.datasets.builtin import RANKS
from llmpert.insight.design import Ground, plan
from llmpert.io.paths import shipped

BUDGET = 200


def main() -> None:
    """Write a plan a line."""
    for line, model in DatasetStore().load(RANKS).trained.items():
        ground = Ground.of(model.fitted, model.fitted.known.unseen())
        plan(ground, BUDGET).save(shipped() / RANKS / f"plan_{line}.json", ground)


if __name__ == "__main__":
    main()
