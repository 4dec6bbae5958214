"""Build the data set of trained models that comes with llmpert, `data/replogle-2022-ranks/`.

Run from the repository's root, with the rank-score benchmark's folder; two minutes on two cores:

    LLMPERT_REAL_DATA=FOLDER python -m data.build_trained_models

A Gaussian process of each line, K562 and RPE1, on the embeddings that come with llmpert; of the
2,000 most variable genes, as results are scored. No measured response is in it: a model keeps the
mean and at most `COMPONENTS` leading components of the responses. Run `data.build_plans` next.
"""

from dataclasses import replace

from benchmarks import real
from llmpert.datasets.builtin import RANKS
from llmpert.datasets.dataset import KINDS
from llmpert.datasets.store import Index
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.trained import TrainedModel
from llmpert.insight.training import train
from llmpert.io.paths import shipped
from llmpert.screens import Screen

COMPONENTS = 64
UNIT, BOUNDS = "up-regulation rank score, 0 to 1", (0.0, 1.0)
ABOUT = {
    "source": "Replogle et al. 2022, Cell, doi:10.1016/j.cell.2022.05.013, as ranked by sigrecon",
    "licence": "CC BY 4.0 (Replogle et al.); sigrecon: its description says MIT, its licence file"
    " GPL-3",
    "notes": [
        "Knows the 1,000 genes that each knockdown raises most, and nothing of lowered ones."
    ],
    "made_by": "data/build_trained_models.py",
}


def trained(screen: Screen) -> TrainedModel:
    """Train the model of a line of the benchmark."""
    about = {**screen.provenance, **ABOUT}
    credited = replace(screen, unit=UNIT, bounds=BOUNDS, provenance=about)
    problem = Problem.align(credited, [built_in(name) for name in BUILT_IN])
    return train(Experiment(problem), COMPONENTS)


def main() -> None:
    """Train the models and write the data set."""
    folder = shipped() / RANKS
    kind = next(kind for kind in KINDS if kind.name == "trained")
    files = {}
    for model in map(trained, real.read(()).screens.values()):
        files[model.line] = folder / kind.file_name(model)
        model.save(files[model.line])
        print(f"{files[model.line]}: {files[model.line].stat().st_size / 1e6:.2f} MB")
    Index(folder, {**Index.read(folder).files, kind.name: files}).write()


if __name__ == "__main__":
    main()
